// The node that the tests make: containerd, pods as a kubelet makes them, their cgroups.
//
// Owned and called by the test's one thread. Pods live until RemovePods().
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/host/containerd/hogs.h"
#include "tests/host/containerd/runtime.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

using Json = nlohmann::json;

inline constexpr uint64_t kMiB = 1 << 20;
inline constexpr const char* kPauseImage = "localhost/oomtrail-pause:1";
inline constexpr const char* kHogImage = "localhost/oomtrail-hog:1";

struct PodSpec {
  std::string name;
  std::string ns = "shop";
  std::string uid;  // empty: one is made up
  std::string qos = "burstable";
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  Json owner;     // an ownerReference, as the kubelet shows it
  Json workload;  // what an event must say of it
  bool is_static = false;
};

struct ContainerSpec {
  std::string name;
  uint64_t limit_bytes = 32 * kMiB;
  uint32_t restarts = 0;
  std::vector<std::string> command = {};  // empty: a hog called HogName()
  uid_t user = 0;
  int oom_score_adj = 0;
};

struct Container {
  ContainerSpec spec;
  std::string id;
  std::string image_id;
  std::string cgroup;  // "/a/b"
  uint64_t inode = 0;  // of its memory cgroup, once started
};

struct Pod {
  PodSpec spec;
  std::string sandbox_id;
  std::string cgroup;
  SandboxPlan plan;
  std::deque<Container> containers;
};

class Node {
 public:
  // `top`: the directory of ours that all cgroups lie in, "/name".
  static absl::StatusOr<std::unique_ptr<Node>> Start(Watch& watch, const std::string& scratch,
                                                     const std::string& top);

  Runtime& runtime() { return *runtime_; }
  Hogs& hogs() { return *hogs_; }
  const std::string& top() const { return top_; }
  const std::string& hog_image_id() const { return hog_image_id_; }
  const std::deque<Pod>& pods() const { return pods_; }

  absl::StatusOr<Pod*> MakePod(PodSpec spec);
  absl::StatusOr<Container*> Create(Pod& pod, ContainerSpec spec);
  absl::Status StartContainer(Container& container);
  // Makes and starts a container, and waits for the hog in it.
  absl::StatusOr<Hog*> Run(Pod& pod, ContainerSpec spec);
  absl::Status RemovePods();

  static std::string HogName(const Pod& pod, std::string_view container);

  // A hog that no container holds, in a cgroup that exists.
  absl::StatusOr<std::unique_ptr<Program>> RunOnHost(const std::string& cgroup,
                                                     const std::string& name) const;

  // Of the memory cgroup "/a/b"; returns its inode.
  absl::StatusOr<uint64_t> MakeCgroup(const std::string& cgroup) const;
  absl::Status Limit(const std::string& cgroup, uint64_t bytes) const;
  std::optional<uint64_t> OomKills(const std::string& cgroup) const;

 private:
  Node(Watch& watch, std::string scratch, std::string top);

  Watch& watch_;
  const std::string scratch_;
  const std::string top_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Hogs> hogs_;
  std::string hog_image_id_;
  std::deque<Pod> pods_;
  uint32_t made_ = 0;
};

}  // namespace oomtrail::containerd
