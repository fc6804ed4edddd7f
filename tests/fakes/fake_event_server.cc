#include "tests/fakes/fake_event_server.h"

#include <chrono>
#include <deque>
#include <filesystem>
#include <utility>

#include "agent/base/mutex.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "oomtrail/v1/event_service.grpc.pb.h"
#include "oomtrail/v1/node_service.grpc.pb.h"

namespace oomtrail::fakes {
namespace {

template <typename Detail>
grpc::Status WithDetail(grpc::StatusCode code, const std::string& message, const Detail& detail) {
  google::rpc::Status rich;
  rich.set_code(code);
  rich.set_message(message);
  rich.add_details()->PackFrom(detail);
  return {code, message, rich.SerializeAsString()};
}

}  // namespace

class FakeEventServer::Events final : public v1::EventService::Service {
 public:
  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    WatchScript script;
    {
      base::MutexLock lock(mutex_);
      watched_.push_back(*request);
      if (watch_scripts_.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "no script"};
      script = std::move(watch_scripts_.front());
      watch_scripts_.pop_front();
    }
    do {
      for (const auto& item : script.items) {
        if (!writer->Write(item)) return {};
      }
    } while (script.flood);
    // A synchronous server is not told when the client goes away or the server stops.
    base::MutexLock lock(mutex_);
    while (script.hold && !context->IsCancelled()) {
      never_.WaitFor(mutex_, std::chrono::milliseconds(10));
    }
    return script.end;
  }

  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    base::MutexLock lock(mutex_);
    listed_.push_back(*request);
    if (list_scripts_.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "no script"};
    const ListScript script = std::move(list_scripts_.front());
    list_scripts_.pop_front();
    *response = script.page;
    return script.status;
  }

  mutable base::Mutex mutex_;
  base::CondVar never_;
  std::deque<WatchScript> watch_scripts_ ABSL_GUARDED_BY(mutex_);
  std::deque<ListScript> list_scripts_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchEventsRequest> watched_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ListEventsRequest> listed_ ABSL_GUARDED_BY(mutex_);
};

class FakeEventServer::Node final : public v1::NodeService::Service {
 public:
  grpc::Status GetNodeStatus(grpc::ServerContext*, const v1::GetNodeStatusRequest*,
                             v1::GetNodeStatusResponse* response) override {
    base::MutexLock lock(mutex_);
    *response = status_;
    return {};
  }

  grpc::Status ListUsage(grpc::ServerContext*, const v1::ListUsageRequest* request,
                         v1::ListUsageResponse* response) override {
    base::MutexLock lock(mutex_);
    asked_usages_.push_back(*request);
    if (usages_.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "no script"};
    *response = usages_.front();
    if (usages_.size() > 1) usages_.pop_front();
    return {};
  }

  grpc::Status SetTracking(grpc::ServerContext*, const v1::SetTrackingRequest* request,
                           v1::SetTrackingResponse*) override {
    base::MutexLock lock(mutex_);
    asked_trackings_.push_back(*request);
    return tracking_;
  }

  base::Mutex mutex_;
  v1::GetNodeStatusResponse status_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::ListUsageResponse> usages_ ABSL_GUARDED_BY(mutex_);
  grpc::Status tracking_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ListUsageRequest> asked_usages_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SetTrackingRequest> asked_trackings_ ABSL_GUARDED_BY(mutex_);
};

FakeEventServer::FakeEventServer() : FakeEventServer(nullptr) {}

FakeEventServer::FakeEventServer(std::shared_ptr<grpc::ServerCredentials> credentials)
    : tcp_credentials_(std::move(credentials)),
      events_(std::make_unique<Events>()),
      node_(std::make_unique<Node>()) {
  // Held for good: when its last user goes, gRPC may wait ten seconds for a poller of its own.
  ::grpc_init();
  Start();
}

FakeEventServer::~FakeEventServer() { Stop(); }

std::string FakeEventServer::address() const {
  return tcp_credentials_ == nullptr ? "unix://" + (directory_ / "oomtrail.sock")
                                     : "127.0.0.1:" + std::to_string(port_);
}

void FakeEventServer::OnWatch(WatchScript script) {
  base::MutexLock lock(events_->mutex_);
  events_->watch_scripts_.push_back(std::move(script));
}

void FakeEventServer::OnList(ListScript script) {
  base::MutexLock lock(events_->mutex_);
  events_->list_scripts_.push_back(std::move(script));
}

void FakeEventServer::OnStatus(v1::GetNodeStatusResponse status) {
  base::MutexLock lock(node_->mutex_);
  node_->status_ = std::move(status);
}

void FakeEventServer::OnUsage(v1::ListUsageResponse usage) {
  base::MutexLock lock(node_->mutex_);
  node_->usages_.push_back(std::move(usage));
}

void FakeEventServer::OnTracking(grpc::Status status) {
  base::MutexLock lock(node_->mutex_);
  node_->tracking_ = std::move(status);
}

std::vector<v1::ListUsageRequest> FakeEventServer::usages() const {
  base::MutexLock lock(node_->mutex_);
  return node_->asked_usages_;
}

std::vector<v1::SetTrackingRequest> FakeEventServer::trackings() const {
  base::MutexLock lock(node_->mutex_);
  return node_->asked_trackings_;
}

std::vector<v1::WatchEventsRequest> FakeEventServer::watches() const {
  base::MutexLock lock(events_->mutex_);
  return events_->watched_;
}

std::vector<v1::ListEventsRequest> FakeEventServer::lists() const {
  base::MutexLock lock(events_->mutex_);
  return events_->listed_;
}

void FakeEventServer::Stop() {
  if (server_ == nullptr) return;
  // With no time to finish in: what is held is cancelled.
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
  std::filesystem::remove(directory_ / "oomtrail.sock");
}

void FakeEventServer::Start() {
  grpc::ServerBuilder builder;
  if (tcp_credentials_ == nullptr) {
    builder.AddListeningPort("unix:" + (directory_ / "oomtrail.sock"),
                             grpc::InsecureServerCredentials());
  } else {
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_), tcp_credentials_, &port_);
  }
  builder.RegisterService(events_.get());
  builder.RegisterService(node_.get());
  builder.SetMaxSendMessageSize(-1);
  server_ = builder.BuildAndStart();
}

grpc::Status FakeEventServer::Expired(const std::string& oldest_cursor) {
  google::rpc::ErrorInfo reason;
  reason.set_reason("CURSOR_EXPIRED");
  reason.set_domain("oomtrail");
  (*reason.mutable_metadata())["oldest_cursor"] = oldest_cursor;
  return WithDetail(grpc::StatusCode::OUT_OF_RANGE, "the cursor is not held any more", reason);
}

grpc::Status FakeEventServer::Refused(const std::string& field, const std::string& why) {
  google::rpc::BadRequest request;
  auto* violation = request.add_field_violations();
  violation->set_field(field);
  violation->set_description(why);
  return WithDetail(grpc::StatusCode::INVALID_ARGUMENT, "wrong request", request);
}

}  // namespace oomtrail::fakes
