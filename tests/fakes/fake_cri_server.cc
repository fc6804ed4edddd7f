#include "tests/fakes/fake_cri_server.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <filesystem>

#include "agent/base/mutex.h"
#include "runtime/v1/api.grpc.pb.h"

namespace oomtrail::fakes {

namespace v1 = ::runtime::v1;

class FakeCriServer::Service final : public v1::RuntimeService::Service {
 public:
  grpc::Status Version(grpc::ServerContext* context, const v1::VersionRequest*,
                       v1::VersionResponse* response) override {
    base::MutexLock lock(mutex_);
    response->set_version("0.1.0");
    response->set_runtime_name(runtime_name_);
    response->set_runtime_api_version("v1");
    return Misbehave(*context);
  }
  grpc::Status ListPodSandbox(grpc::ServerContext* context, const v1::ListPodSandboxRequest*,
                              v1::ListPodSandboxResponse* response) override {
    base::MutexLock lock(mutex_);
    *response = sandboxes_;
    return Misbehave(*context);
  }
  grpc::Status ListContainers(grpc::ServerContext* context, const v1::ListContainersRequest*,
                              v1::ListContainersResponse* response) override {
    base::MutexLock lock(mutex_);
    *response = containers_;
    return Misbehave(*context);
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  std::string runtime_name_ ABSL_GUARDED_BY(mutex_) = "containerd";
  v1::ListPodSandboxResponse sandboxes_ ABSL_GUARDED_BY(mutex_);
  v1::ListContainersResponse containers_ ABSL_GUARDED_BY(mutex_);
  grpc::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool hang_ ABSL_GUARDED_BY(mutex_) = false;
  int hanging_ ABSL_GUARDED_BY(mutex_) = 0;

 private:
  grpc::Status Misbehave(grpc::ServerContext& context) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (hang_) ++hanging_;
    changed_.NotifyAll();
    // A synchronous server is not told when the client goes away or the server stops.
    while (hang_ && !context.IsCancelled()) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(10));
    }
    return failure_;
  }
};

struct FakeCriServer::Running {
  std::unique_ptr<grpc::Server> server;
};

FakeCriServer::FakeCriServer() : service_(std::make_unique<Service>()) { Start(); }

FakeCriServer::~FakeCriServer() { Stop(); }

void FakeCriServer::SetRuntimeName(const std::string& name) {
  base::MutexLock lock(service_->mutex_);
  service_->runtime_name_ = name;
}

void FakeCriServer::Add(const v1::PodSandbox& sandbox) {
  base::MutexLock lock(service_->mutex_);
  *service_->sandboxes_.add_items() = sandbox;
}

void FakeCriServer::Add(const v1::Container& container) {
  base::MutexLock lock(service_->mutex_);
  *service_->containers_.add_containers() = container;
}

void FakeCriServer::FailWith(int code, const std::string& message) {
  base::MutexLock lock(service_->mutex_);
  service_->failure_ = grpc::Status(static_cast<grpc::StatusCode>(code), message);
}

void FakeCriServer::Hang() {
  base::MutexLock lock(service_->mutex_);
  service_->hang_ = true;
}

bool FakeCriServer::WaitUntilHanging() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  base::MutexLock lock(service_->mutex_);
  while (service_->hanging_ == 0) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    service_->changed_.WaitFor(service_->mutex_, std::chrono::seconds(1));
  }
  return true;
}

void FakeCriServer::Stop() {
  if (running_ == nullptr) return;
  // With no time to finish in: what hangs is cancelled.
  running_->server->Shutdown(std::chrono::system_clock::now());
  running_->server->Wait();
  running_.reset();
  std::filesystem::remove(socket_path());
}

void FakeCriServer::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket_path(), grpc::InsecureServerCredentials());
  builder.RegisterService(service_.get());
  builder.SetMaxSendMessageSize(-1);
  running_ = std::make_unique<Running>();
  running_->server = builder.BuildAndStart();
}

}  // namespace oomtrail::fakes
