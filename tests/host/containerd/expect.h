// What happened to a container's process, and what an agent must say of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/host/containerd/agent.h"
#include "tests/host/containerd/hogs.h"
#include "tests/host/containerd/node.h"
#include "tests/scenarios/kernel_log.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

using scenarios::KernelLog;

// One kill, as the test brought it about. What is left out is the usual: the victim's own
// allocation hit its container's limit.
struct Killed {
  const Hog* victim = nullptr;
  const Container* container = nullptr;
  std::string comm = "hog";
  int oom_score_adj = 0;
  const Hog* trigger = nullptr;
  const Container* trigger_container = nullptr;
  std::string scope = "container";
  std::string limit_cgroup = {};
  uint64_t limit_bytes = 0;
  uint64_t kills_in_container = 1;  // so far, as the kernel counts
  bool removed = false;             // the container is gone, and with it the kernel's count
};

// What an event says of names: its `attribution`, `pod` and `container`.
struct Naming {
  std::string status;
  std::vector<std::string> sources;  // beside the path
  std::vector<std::string> missing;
  std::string reason;  // a part of it
  Json pod;
  Json container;
};

// Everything, as `sources` have it together.
Naming Full(const Pod& pod, const Container& container, const std::vector<std::string>& sources);
// The pod alone: no source has heard of the container.
Naming PodOnly(const Pod& pod, const std::string& container_id,
               const std::vector<std::string>& sources);
// What the path proves.
Naming PathOnly(const Pod& pod, const std::string& container_id, const std::string& reason);

// Whether an event is named so: one line for each difference.
std::vector<std::string> CheckNaming(const Naming& expected, const Json& event);

// The parts of the test that a kill is judged by.
struct Witnesses {
  Watch& watch;
  const Node& node;
  const KernelLog& log;
};

// Waits until the victim is dead and the kernel has said so.
absl::Status AwaitKilled(const Witnesses& witnesses, const Killed& killed);

// Waits for the agent's event with these names, at once or as an amendment, and holds every
// revision of it against the truth. All differences in one status.
absl::Status ExpectEvent(const Witnesses& witnesses, const Agent& agent, const Killed& killed,
                         const Naming& naming);

// Alive, and no event names it.
absl::Status ExpectUntouched(const Witnesses& witnesses, const Agent& agent, const Hog& hog,
                             const Container& container);

}  // namespace oomtrail::containerd
