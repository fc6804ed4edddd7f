// Memory as the agent sees it now, and what follows allocations: for ListUsage and SetTracking.
// Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/forecast/watched.h"
#include "agent/kernel/allocation_tracker.h"

namespace oomtrail::publish {

struct TrackingState {
  kernel::TrackingOptions options;  // as it is applied
  std::string error;                // why it is not as it is wanted; empty where it is
  // A client has asked for it, until then. Absent: as flags and pods say.
  std::optional<int64_t> until_wall_ns;
};

struct UsageReport {
  int64_t wall_ns = 0;
  std::vector<forecast::CgroupTrend> trends;  // none where nobody looks out
  TrackingState tracking_state;
  kernel::TrackingSnapshot tracking;
};

}  // namespace oomtrail::publish
