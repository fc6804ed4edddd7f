#include "tests/bench/latency/subscribers.h"

#include <grpcpp/grpcpp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "agent/base/status.h"
#include "oomtrail/v1/event_service.grpc.pb.h"
#include "tests/bench/latency/process.h"

namespace oomtrail::bench {

absl::StatusOr<std::unique_ptr<Subscribers>> Subscribers::Start(const std::string& address,
                                                                size_t count) {
  auto subscribers = std::unique_ptr<Subscribers>(new Subscribers());
  subscribers->told_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  for (size_t i = 0; i < count; ++i) {
    subscribers->contexts_.push_back(std::make_unique<grpc::ClientContext>());
    subscribers->threads_.emplace_back(
        [self = subscribers.get(), address, &context = *subscribers->contexts_.back()] {
          self->Run(address, context);
        });
  }
  const bool live = Await({}, {subscribers->fd()}, [&] {
    subscribers->Acknowledge();
    const base::MutexLock lock(subscribers->mutex_);
    return subscribers->live_ == count;
  });
  if (!live) return absl::UnavailableError("not every subscriber is served");
  return subscribers;
}

Subscribers::~Subscribers() {
  for (const auto& context : contexts_) context->TryCancel();
  for (std::thread& thread : threads_) thread.join();
}

void Subscribers::Acknowledge() {
  uint64_t times = 0;
  [[maybe_unused]] const ssize_t read = ::read(told_.get(), &times, sizeof times);
}

std::vector<uint64_t> Subscribers::DelaysOf(pid_t pid) const {
  const base::MutexLock lock(mutex_);
  const auto found = delays_.find(pid);
  return found == delays_.end() ? std::vector<uint64_t>{} : found->second;
}

void Subscribers::Run(const std::string& address, grpc::ClientContext& context) {
  // A connection each, as subscribers in different processes have.
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = v1::EventService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own));
  v1::WatchEventsRequest request;
  request.set_follow(true);
  context.set_wait_for_ready(true);
  const auto reader = stub->WatchEvents(&context, request);
  v1::WatchEventsResponse response;
  while (reader->Read(&response)) {
    const uint64_t now = BootNanos();
    {
      const base::MutexLock lock(mutex_);
      if (response.has_bookmark() && response.bookmark().live()) ++live_;
      if (response.has_event()) {
        delays_[static_cast<pid_t>(response.event().victim().pid())].push_back(
            now - response.event().boot_time_ns());
      }
    }
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t wrote = ::write(told_.get(), &one, sizeof one);
  }
  reader->Finish();
}

}  // namespace oomtrail::bench
