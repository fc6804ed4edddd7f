#include "tests/host/containerd/node.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::containerd {
namespace {

constexpr const char* kMemory = "/sys/fs/cgroup/memory";

std::string UidOf(uint32_t number) {
  return absl::StrFormat("0c0ffee0-0000-4000-8000-%012x", number);
}

// Below "kubepods" as the kubelet's cgroupfs driver has it.
std::string PodCgroup(const std::string& top, const PodSpec& spec) {
  const std::string slice = spec.qos == "guaranteed" ? "" : base::StrCat("/", spec.qos);
  return base::StrCat(top, "/kubepods", slice, "/pod", spec.uid);
}

uint64_t InodeOf(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

}  // namespace

Node::Node(Watch& watch, std::string scratch, std::string top)
    : watch_(watch),
      scratch_(std::move(scratch)),
      top_(std::move(top)),
      runtime_(std::make_unique<Runtime>(watch, scratch_)) {}

absl::StatusOr<std::unique_ptr<Node>> Node::Start(Watch& watch, const std::string& scratch,
                                                  const std::string& top) {
  auto node = std::unique_ptr<Node>(new Node(watch, scratch, top));
  ASSIGN_OR_RETURN(node->hogs_, Hogs::Listen(watch, scratch + "/hogs"));
  RETURN_IF_ERROR(node->runtime_->Start());
  RETURN_IF_ERROR(node->runtime_->Import(scratch + "/images/pause.tar", kPauseImage).status());
  ASSIGN_OR_RETURN(node->hog_image_id_,
                   node->runtime_->Import(scratch + "/images/hog.tar", kHogImage));
  return node;
}

std::string Node::HogName(const Pod& pod, std::string_view container) {
  return base::StrCat(pod.spec.ns, "/", pod.spec.name, "/", container);
}

absl::StatusOr<Pod*> Node::MakePod(PodSpec spec) {
  if (spec.uid.empty()) spec.uid = UidOf(++made_);
  Pod pod{.spec = std::move(spec), .sandbox_id = "", .cgroup = "", .plan = {}, .containers = {}};
  pod.cgroup = PodCgroup(top_, pod.spec);
  RETURN_IF_ERROR(MakeCgroup(pod.cgroup).status());
  pod.plan = {.name = pod.spec.name,
              .ns = pod.spec.ns,
              .uid = pod.spec.uid,
              .cgroup_parent = pod.cgroup,
              .log_directory = base::StrCat(scratch_, "/logs/", pod.spec.uid),
              .labels = pod.spec.labels,
              .annotations = pod.spec.annotations};
  pod.plan.labels["io.kubernetes.pod.name"] = pod.spec.name;
  pod.plan.labels["io.kubernetes.pod.namespace"] = pod.spec.ns;
  pod.plan.labels["io.kubernetes.pod.uid"] = pod.spec.uid;
  ASSIGN_OR_RETURN(pod.sandbox_id, runtime_->RunSandbox(pod.plan));
  return &pods_.emplace_back(std::move(pod));
}

absl::StatusOr<Container*> Node::Create(Pod& pod, ContainerSpec spec) {
  ContainerPlan plan{
      .name = spec.name,
      .attempt = spec.restarts,
      .image = kHogImage,
      .image_id = hog_image_id_,
      .command = spec.command,
      .mounts = {{kHogDirectory, hogs_->directory()}},
      .labels = {{"io.kubernetes.container.name", spec.name},
                 {"io.kubernetes.pod.name", pod.spec.name},
                 {"io.kubernetes.pod.namespace", pod.spec.ns},
                 {"io.kubernetes.pod.uid", pod.spec.uid}},
      .annotations = {{"io.kubernetes.container.restartCount", std::to_string(spec.restarts)},
                      {"io.kubernetes.container.terminationMessagePolicy", "File"}},
      .limit_bytes = static_cast<int64_t>(spec.limit_bytes),
      .oom_score_adj = spec.oom_score_adj,
      .user = static_cast<int64_t>(spec.user)};
  if (plan.command.empty()) plan.command = {"/bin/hog", kHogSocket, HogName(pod, spec.name)};
  ASSIGN_OR_RETURN(const std::string id, runtime_->CreateContainer(pod.sandbox_id, pod.plan, plan));
  return &pod.containers.emplace_back(Container{.spec = std::move(spec),
                                                .id = id,
                                                .image_id = hog_image_id_,
                                                .cgroup = base::StrCat(pod.cgroup, "/", id)});
}

absl::Status Node::StartContainer(Container& container) {
  RETURN_IF_ERROR(runtime_->StartContainer(container.id));
  container.inode = InodeOf(kMemory + container.cgroup);  // unless it is over already
  return absl::OkStatus();
}

absl::StatusOr<Hog*> Node::Run(Pod& pod, ContainerSpec spec) {
  ASSIGN_OR_RETURN(auto* container, Create(pod, std::move(spec)));
  RETURN_IF_ERROR(StartContainer(*container));
  return hogs_->Await(HogName(pod, container->spec.name));
}

absl::Status Node::RemovePods() {
  absl::Status status;
  for (const Pod& pod : pods_) {
    if (pod.sandbox_id.empty()) continue;
    status.Update(runtime_->RemoveSandbox(pod.sandbox_id));
  }
  pods_.clear();
  return status;
}

absl::StatusOr<std::unique_ptr<Program>> Node::RunOnHost(const std::string& cgroup,
                                                         const std::string& name) const {
  const std::string enter = base::StrCat("echo $$ > ", kMemory, cgroup, "/cgroup.procs && exec ",
                                         scratch_, "/hog ", hogs_->directory(), "/socket ", name);
  return Program::Start(watch_, {"sh", "-c", enter}, scratch_ + "/outsider.log");
}

absl::StatusOr<uint64_t> Node::MakeCgroup(const std::string& cgroup) const {
  std::string directory = kMemory;
  for (const std::string_view name : base::StrSplit(cgroup, '/')) {
    if (name.empty()) continue;
    base::StrAppend(&directory, "/", name);
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
      return base::ErrnoStatus(errno, base::StrCat("make the cgroup ", directory));
    }
  }
  return InodeOf(directory);
}

absl::Status Node::Limit(const std::string& cgroup, uint64_t bytes) const {
  const std::string file = base::StrCat(kMemory, cgroup, "/memory.limit_in_bytes");
  const base::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(bytes);
  if (!fd.ok() || ::write(fd.get(), text.data(), text.size()) < 0) {
    return base::ErrnoStatus(errno, base::StrCat("write ", file));
  }
  return absl::OkStatus();
}

std::optional<uint64_t> Node::OomKills(const std::string& cgroup) const {
  const auto content = base::ReadFile(base::StrCat(kMemory, cgroup, "/memory.oom_control"), 4096);
  if (!content.ok()) return std::nullopt;
  for (std::string_view line : base::StrSplit(*content, '\n')) {
    uint64_t value = 0;
    if (base::ConsumePrefix(&line, "oom_kill ") && base::SimpleAtoi(line, &value)) return value;
  }
  return std::nullopt;
}

}  // namespace oomtrail::containerd
