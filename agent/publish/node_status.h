// What the agent says of itself: for GetNodeStatus, the metrics and the readiness probe. A value.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/attribute/directory_refresher.h"
#include "agent/kernel/hook_report.h"

namespace oomtrail::publish {

struct NodeStatus {
  std::string node;
  std::string version;
  std::string kernel;
  int cgroup_version = 0;
  int64_t start_wall_ns = 0;
  std::vector<kernel::HookReport> hooks;
  std::vector<attribute::SourceState> sources;
  uint64_t containers = 0;                       // whose names are known
  uint64_t events = 0;                           // told since the start, without amendments
  std::map<std::string, uint64_t> losses;        // by stage
  std::map<std::string, uint64_t> unattributed;  // by reason
};

}  // namespace oomtrail::publish
