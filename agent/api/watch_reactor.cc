#include "agent/api/watch_reactor.h"

#include <string>
#include <utility>

#include "agent/api/stream_item_wire.h"

namespace oomtrail::api {
namespace {

class Refusal final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* RefuseWatch(const grpc::Status& status) {
  return new Refusal(status);
}

std::shared_ptr<WatchReactor> WatchReactor::Begin(publish::Stream& stream, const base::Clock& clock,
                                                  publish::SubscriptionOptions options,
                                                  grpc::Status* status) {
  auto reactor = std::make_shared<WatchReactor>(stream, clock);
  auto subscription =
      stream.Subscribe(std::move(options), [watcher = std::weak_ptr<WatchReactor>(reactor)] {
        if (const auto alive = watcher.lock()) alive->Pump();
      });
  if (!subscription.ok()) {
    *status = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                           std::string(subscription.status().message()));
    return nullptr;
  }
  {
    const base::MutexLock lock(reactor->mutex_);
    reactor->subscription_ = *std::move(subscription);
  }
  reactor->self_ = reactor;
  // So that the client knows that it is listened to before anything happens.
  reactor->StartSendInitialMetadata();
  reactor->Pump();
  return reactor;
}

void WatchReactor::Pump() {
  bool ended = false;
  {
    const base::MutexLock lock(mutex_);
    if (writing_ || finished_) return;
    const auto item = subscription_->Take();
    if (item) {
      response_ = ToWire(*item, stream_, clock_.WallNanos());
      writing_ = true;
    } else {
      ended = subscription_->ended();
      if (!ended) return;
    }
  }
  // Outside of the lock: gRPC may answer on this very thread.
  if (ended) {
    Conclude(grpc::Status::OK);
  } else {
    StartWrite(&response_);
  }
}

void WatchReactor::OnWriteDone(bool ok) {
  bool finished = false;
  {
    const base::MutexLock lock(mutex_);
    writing_ = false;
    finished = finished_;
  }
  if (finished) return;
  if (ok) {
    Pump();
  } else {
    Conclude(grpc::Status(grpc::StatusCode::CANCELLED, "the subscriber has gone"));
  }
}

void WatchReactor::End() {
  Conclude(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the agent goes away"));
}

void WatchReactor::OnCancel() { Conclude(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled")); }

void WatchReactor::Conclude(const grpc::Status& status) {
  {
    const base::MutexLock lock(mutex_);
    if (std::exchange(finished_, true)) return;
  }
  Finish(status);
}

void WatchReactor::OnDone() {
  std::unique_ptr<publish::Subscription> subscription;
  {
    const base::MutexLock lock(mutex_);
    subscription = std::move(subscription_);
  }
  subscription.reset();
  // The last reference may be this one: nothing may follow.
  const std::shared_ptr<WatchReactor> last = std::move(self_);
}

}  // namespace oomtrail::api
