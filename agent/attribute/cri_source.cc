#include "agent/attribute/cri_source.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "agent/attribute/cri_listing.h"
#include "agent/base/mutex.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "runtime/v1/api.grpc.pb.h"

namespace oomtrail::attribute {
namespace {

namespace v1 = ::runtime::v1;

constexpr int kReconnectMillis = 100;
constexpr int kMaxReconnectMillis = 1000;
constexpr size_t kMaxQuotedBytes = 300;

std::shared_ptr<grpc::Channel> MakeChannel(const CriOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_answer_bytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMillis);
  // How long one attempt may take, too: it defaults to 20 s.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kMaxReconnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMillis);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(base::StrCat("unix:", options.socket_path),
                                   grpc::InsecureChannelCredentials(), arguments);
}

// The runtime's own words, which may be long; of gRPC's on a failed connection only the cause.
std::string Quote(const std::string& message, const std::string& socket_path) {
  const size_t path = message.rfind(socket_path);
  const bool connecting = message.starts_with("failed to connect") && path != std::string::npos;
  return (connecting ? "connect" + message.substr(path + socket_path.size()) : message)
      .substr(0, kMaxQuotedBytes);
}

absl::Status ToStatus(const grpc::Status& status, const CriOptions& options) {
  const std::string said = Quote(status.error_message(), options.socket_path);
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  switch (code) {
    case absl::StatusCode::kOk: return absl::OkStatus();
    case absl::StatusCode::kCancelled: return absl::CancelledError("the agent is stopping");
    case absl::StatusCode::kDeadlineExceeded:
      return absl::DeadlineExceededError(base::StrCat("no answer within ",
                                                      options.call_deadline.count(),
                                                      " ms; the runtime hangs or is overloaded"));
    case absl::StatusCode::kUnavailable:
      return absl::UnavailableError(
          base::StrCat(said,
                       "; is the runtime running, and its socket's directory mounted into this "
                       "container?"));
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(base::StrCat(
          said,
          "; the runtime has no CRI v1: it is older than containerd 1.6 or CRI-O 1.23, or "
          "its CRI plugin is disabled"));
    case absl::StatusCode::kResourceExhausted:
      return absl::ResourceExhaustedError(
          base::StrCat(said, "; an answer may have ", options.max_answer_bytes, " bytes at most"));
    default: return absl::Status(code, said);
  }
}

}  // namespace

// The channel, and the one call that may be in progress on it.
class CriSource::Rpc {
 public:
  explicit Rpc(const CriOptions& options)
      : options_(options), stub_(v1::RuntimeService::NewStub(MakeChannel(options))) {}

  template <typename Request, typename Response>
  absl::Status Call(std::string_view method,
                    grpc::Status (v1::RuntimeService::Stub::*call)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                    Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options_.call_deadline);
    {
      base::MutexLock lock(mutex_);
      if (cancelled_) return absl::CancelledError("the agent is stopping");
      current_ = &context;
    }
    const grpc::Status status = (stub_.get()->*call)(&context, Request(), &response);
    {
      base::MutexLock lock(mutex_);
      current_ = nullptr;
    }
    return base::Annotate(ToStatus(status, options_), method);
  }

  void Cancel() {
    base::MutexLock lock(mutex_);
    cancelled_ = true;
    if (current_ != nullptr) current_->TryCancel();
  }

 private:
  const CriOptions& options_;
  std::unique_ptr<v1::RuntimeService::Stub> stub_;
  base::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

CriSource::CriSource(CriOptions options)
    : options_(std::move(options)),
      where_(base::StrCat("unix://", options_.socket_path)),
      rpc_(std::make_unique<Rpc>(options_)) {}

CriSource::~CriSource() = default;

absl::StatusOr<Listing> CriSource::List() {
  auto listing = Ask();
  if (listing.ok()) return listing;
  return base::Annotate(listing.status(), base::StrCat("cri ", where_));
}

absl::StatusOr<Listing> CriSource::Ask() {
  using Stub = v1::RuntimeService::Stub;
  if (!version_known_) {
    v1::VersionResponse version;
    RETURN_IF_ERROR(rpc_->Call("Version", &Stub::Version, version));
    runtime_ = RuntimeFromName(version.runtime_name());
    version_known_ = true;
  }
  // In this order: a sandbox is older than its containers, so that of each one listed is there.
  v1::ListContainersResponse containers;
  RETURN_IF_ERROR(rpc_->Call("ListContainers", &Stub::ListContainers, containers));
  v1::ListPodSandboxResponse sandboxes;
  RETURN_IF_ERROR(rpc_->Call("ListPodSandbox", &Stub::ListPodSandbox, sandboxes));
  return JoinCriAnswers(sandboxes, containers, runtime_, options_.shown);
}

void CriSource::Cancel() { rpc_->Cancel(); }

}  // namespace oomtrail::attribute
