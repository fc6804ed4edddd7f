// This node's kernel side, opened: what agent, demo and doctor have in common.
//
// Owned and called by one thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "agent/cli/options.h"
#include "agent/kernel/hooks.h"
#include "agent/kernel/kernel_features.h"
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/resolver.h"

namespace oomtrail::cli {

struct Node {
  kernel::KernelFeatures features;
  kernel::NodeSecurity security;
  std::string boot_id;
  std::unique_ptr<resolve::CgroupIndex> index;
  std::unique_ptr<resolve::Resolver> resolver;
  // Absent where no program could be loaded, or none was wanted (kmsg).
  std::unique_ptr<kernel::Hooks> hooks;
  absl::Status hooks_error;

  bool sees_victims() const {
    return hooks != nullptr && hooks->report(kernel::Hook::kVictim).chosen.has_value();
  }
};

// Finds the cgroups, takes the baseline, attaches the hooks, and walks the cgroups. Fails where the
// memory cgroups cannot be found; a refusal of every hook is left for the caller to judge.
absl::StatusOr<Node> OpenNode(const AgentOptions& options, const base::Clock& clock);

}  // namespace oomtrail::cli
