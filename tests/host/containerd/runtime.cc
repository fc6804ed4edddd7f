#include "tests/host/containerd/runtime.h"

#include <grpcpp/grpcpp.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "runtime/v1/api.grpc.pb.h"

namespace oomtrail::containerd {
namespace {

namespace v1 = ::runtime::v1;

constexpr std::chrono::seconds kCallDeadline{20};
constexpr std::chrono::duration<int, std::milli> kPollPeriod{20};

// Until `done` holds, for what announces itself by no descriptor: looked at each period.
bool Poll(Watch& watch, const std::function<bool()>& done) {
  const base::UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  timespec period{};
  period.tv_nsec = std::chrono::nanoseconds(kPollPeriod).count();
  const itimerspec spec{.it_interval = period, .it_value = period};
  ::timerfd_settime(timer.get(), 0, &spec, nullptr);
  watch.Add(timer.get(), [fd = timer.get()] {
    uint64_t expired = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd, &expired, sizeof expired);
  });
  const bool held = watch.Until(done);
  watch.Remove(timer.get());
  return held;
}

// Its own connection, tried again at once: it is made while the runtime starts.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kPollPeriod.count());
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kPollPeriod.count());
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kPollPeriod.count());
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

template <typename Map>
void CopyTo(const std::map<std::string, std::string>& from, Map* to) {
  for (const auto& [key, value] : from) (*to)[key] = value;
}

v1::PodSandboxConfig Config(const SandboxPlan& plan) {
  v1::PodSandboxConfig config;
  config.mutable_metadata()->set_name(plan.name);
  config.mutable_metadata()->set_uid(plan.uid);
  config.mutable_metadata()->set_namespace_(plan.ns);
  config.set_log_directory(plan.log_directory);
  CopyTo(plan.labels, config.mutable_labels());
  CopyTo(plan.annotations, config.mutable_annotations());
  config.mutable_linux()->set_cgroup_parent(plan.cgroup_parent);
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
      v1::NODE);
  return config;
}

v1::ContainerConfig Config(const ContainerPlan& plan) {
  v1::ContainerConfig config;
  config.mutable_metadata()->set_name(plan.name);
  config.mutable_metadata()->set_attempt(plan.attempt);
  config.mutable_image()->set_image(plan.image_id);
  config.mutable_image()->set_user_specified_image(plan.image);
  for (const std::string& word : plan.command) config.add_command(word);
  for (const auto& [inside, outside] : plan.mounts) {
    v1::Mount* mount = config.add_mounts();
    mount->set_container_path(inside);
    mount->set_host_path(outside);
  }
  CopyTo(plan.labels, config.mutable_labels());
  CopyTo(plan.annotations, config.mutable_annotations());
  config.set_log_path(base::StrCat(plan.name, "_", plan.attempt, ".log"));
  auto* resources = config.mutable_linux()->mutable_resources();
  resources->set_memory_limit_in_bytes(plan.limit_bytes);
  resources->set_oom_score_adj(plan.oom_score_adj);
  auto* security = config.mutable_linux()->mutable_security_context();
  security->mutable_namespace_options()->set_network(v1::NODE);
  security->mutable_namespace_options()->set_pid(v1::CONTAINER);
  security->mutable_run_as_user()->set_value(plan.user);
  return config;
}

}  // namespace

struct Runtime::Stubs {
  explicit Stubs(const std::string& socket)
      : channel(MakeChannel(socket)),
        runtime(v1::RuntimeService::NewStub(channel)),
        images(v1::ImageService::NewStub(channel)) {}

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&,
                                                           Response*),
                                const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    context.set_wait_for_ready(true);
    Response response;
    const grpc::Status status = (stub.*call)(&context, request, &response);
    if (status.ok()) return response;
    return absl::InternalError(
        base::StrCat(Request::descriptor()->name(), ": ", status.error_message()));
  }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::RuntimeService::Stub> runtime;
  std::unique_ptr<v1::ImageService::Stub> images;
};

using RuntimeStub = v1::RuntimeService::Stub;
using ImageStub = v1::ImageService::Stub;

Runtime::Runtime(Watch& watch, std::string scratch)
    : watch_(watch), scratch_(std::move(scratch)), socket_(scratch_ + "/containerd.sock") {}

Runtime::~Runtime() = default;

absl::Status Runtime::Start() {
  ASSIGN_OR_RETURN(containerd_,
                   Program::Start(watch_, {"containerd", "--config", scratch_ + "/config.toml"},
                                  scratch_ + "/containerd.log"));
  stubs_ = std::make_unique<Stubs>(socket_);
  // It listens before it is ready, and says so.
  absl::Status ready;
  const auto answers = [&] {
    ready = stubs_->Call(*stubs_->runtime, &RuntimeStub::Version, v1::VersionRequest()).status();
    return ready.ok();
  };
  return Poll(watch_, answers) ? absl::OkStatus() : ready;
}

absl::Status Runtime::Stop() {
  containerd_->Signal(SIGTERM);
  return containerd_->AwaitEnd();
}

absl::StatusOr<std::string> Runtime::Import(const std::string& archive, const std::string& image) {
  RETURN_IF_ERROR(Run(
      watch_, {"ctr", "--address", socket_, "--namespace", "k8s.io", "images", "import", archive}));
  // The CRI plugin learns of it by an event.
  absl::Status failure;
  std::string id;
  const bool listed = Poll(watch_, [&] {
    const auto images =
        stubs_->Call(*stubs_->images, &ImageStub::ListImages, v1::ListImagesRequest());
    failure = images.status();
    if (!images.ok()) return true;
    for (const v1::Image& one : images->images()) {
      if (std::ranges::find(one.repo_tags(), image) != one.repo_tags().end()) id = one.id();
    }
    return !id.empty();
  });
  RETURN_IF_ERROR(failure);
  if (!listed) return absl::DeadlineExceededError(base::StrCat("CRI does not list ", image));
  return id;
}

absl::StatusOr<std::string> Runtime::RunSandbox(const SandboxPlan& plan) {
  v1::RunPodSandboxRequest request;
  *request.mutable_config() = Config(plan);
  ASSIGN_OR_RETURN(const auto made,
                   stubs_->Call(*stubs_->runtime, &RuntimeStub::RunPodSandbox, request));
  return made.pod_sandbox_id();
}

absl::Status Runtime::RemoveSandbox(const std::string& id) {
  v1::StopPodSandboxRequest stop;
  stop.set_pod_sandbox_id(id);
  v1::RemovePodSandboxRequest remove;
  remove.set_pod_sandbox_id(id);
  // It may fail over a container that ends at this moment. The kubelet tries again, too.
  absl::Status status;
  const auto removed = [&] {
    status = stubs_->Call(*stubs_->runtime, &RuntimeStub::StopPodSandbox, stop).status();
    if (!status.ok()) return false;
    status = stubs_->Call(*stubs_->runtime, &RuntimeStub::RemovePodSandbox, remove).status();
    return status.ok();
  };
  return Poll(watch_, removed) ? absl::OkStatus() : status;
}

absl::StatusOr<std::string> Runtime::CreateContainer(const std::string& sandbox_id,
                                                     const SandboxPlan& sandbox,
                                                     const ContainerPlan& plan) {
  v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(sandbox_id);
  *request.mutable_config() = Config(plan);
  *request.mutable_sandbox_config() = Config(sandbox);
  ASSIGN_OR_RETURN(const auto made,
                   stubs_->Call(*stubs_->runtime, &RuntimeStub::CreateContainer, request));
  return made.container_id();
}

absl::Status Runtime::StartContainer(const std::string& id) {
  v1::StartContainerRequest request;
  request.set_container_id(id);
  return stubs_->Call(*stubs_->runtime, &RuntimeStub::StartContainer, request).status();
}

absl::Status Runtime::StopContainer(const std::string& id) {
  v1::StopContainerRequest request;
  request.set_container_id(id);
  // As above: it may be ending at this moment.
  absl::Status status;
  const auto stopped = [&] {
    status = stubs_->Call(*stubs_->runtime, &RuntimeStub::StopContainer, request).status();
    return status.ok();
  };
  return Poll(watch_, stopped) ? absl::OkStatus() : status;
}

absl::Status Runtime::RemoveContainer(const std::string& id) {
  v1::RemoveContainerRequest request;
  request.set_container_id(id);
  return stubs_->Call(*stubs_->runtime, &RuntimeStub::RemoveContainer, request).status();
}

absl::StatusOr<std::vector<std::string>> Runtime::ContainerIds() {
  ASSIGN_OR_RETURN(const auto list, stubs_->Call(*stubs_->runtime, &RuntimeStub::ListContainers,
                                                 v1::ListContainersRequest()));
  std::vector<std::string> ids;
  for (const v1::Container& container : list.containers()) ids.push_back(container.id());
  return ids;
}

absl::Status Runtime::AwaitExited(const std::string& id) {
  absl::Status failure;
  const bool exited = Poll(watch_, [&] {
    const auto list =
        stubs_->Call(*stubs_->runtime, &RuntimeStub::ListContainers, v1::ListContainersRequest());
    failure = list.status();
    return !list.ok() || std::ranges::any_of(list->containers(), [&](const auto& container) {
      return container.id() == id && container.state() == v1::CONTAINER_EXITED;
    });
  });
  RETURN_IF_ERROR(failure);
  if (exited) return absl::OkStatus();
  return absl::DeadlineExceededError(base::StrCat("container ", id, " does not exit"));
}

}  // namespace oomtrail::containerd
