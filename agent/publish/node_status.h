// What the agent says of itself: for GetNodeStatus, the metrics and the readiness probe. A value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/attribute/directory_refresher.h"
#include "agent/forecast/lookout.h"
#include "agent/kernel/hook_report.h"
#include "agent/publish/usage_report.h"

namespace oomtrail::publish {

struct NodeStatus {
  std::string node;
  std::string version;
  std::string kernel;
  int cgroup_version = 0;
  int64_t start_wall_ns = 0;
  std::vector<kernel::HookReport> hooks;
  std::vector<attribute::SourceState> sources;
  uint64_t containers = 0;                        // whose names are known
  uint64_t events = 0;                            // told since the start, without amendments
  std::map<std::string, uint64_t> losses;         // by stage
  std::map<std::string, uint64_t> unattributed;   // by reason
  std::optional<forecast::LookoutState> lookout;  // absent: nobody looks out for warnings
  TrackingState tracking;
  // Without processes and cgroups.
  kernel::TrackingSnapshot tracked;
};

}  // namespace oomtrail::publish
