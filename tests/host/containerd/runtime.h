// containerd with its CRI plugin, and the part of the kubelet that talks to it.
//
// Owned and called by the test's one thread; every call is bounded.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/host/containerd/program.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

struct SandboxPlan {
  std::string name;
  std::string ns;
  std::string uid;
  std::string cgroup_parent;
  std::string log_directory;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

struct ContainerPlan {
  std::string name;
  uint32_t attempt = 0;
  std::string image;     // as a pod's manifest names it
  std::string image_id;  // as the kubelet asks for it
  std::vector<std::string> command;
  std::map<std::string, std::string> mounts;  // in the container: on the node
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  int64_t limit_bytes = 0;
  int64_t oom_score_adj = 0;
  int64_t user = 0;
};

class Runtime {
 public:
  // What containerd says goes to `scratch`/containerd.log.
  Runtime(Watch& watch, std::string scratch);
  ~Runtime();

  const std::string& socket() const { return socket_; }
  bool running() const { return containerd_ != nullptr && !containerd_->ended(); }

  // Returns once the CRI plugin answers.
  absl::Status Start();
  // SIGTERM, and its end. Containers go on under their shims.
  absl::Status Stop();
  // Returns once containers can be made of it; gives the image's id.
  absl::StatusOr<std::string> Import(const std::string& archive, const std::string& image);

  absl::StatusOr<std::string> RunSandbox(const SandboxPlan& plan);
  absl::Status RemoveSandbox(const std::string& id);
  absl::StatusOr<std::string> CreateContainer(const std::string& sandbox_id,
                                              const SandboxPlan& sandbox,
                                              const ContainerPlan& plan);
  absl::Status StartContainer(const std::string& id);
  absl::Status StopContainer(const std::string& id);
  absl::Status RemoveContainer(const std::string& id);
  absl::StatusOr<std::vector<std::string>> ContainerIds();
  absl::Status AwaitExited(const std::string& id);

 private:
  struct Stubs;

  Watch& watch_;
  const std::string scratch_;
  const std::string socket_;
  std::unique_ptr<Program> containerd_;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace oomtrail::containerd
