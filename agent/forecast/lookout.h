// Watches the memory of containers and limits on a thread of its own, and warns before a limit is
// reached. What it finds is taken by the pipeline's thread, which makes events of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/forecast/alarm.h"
#include "agent/model/cgroup_identity.h"
#include "agent/model/event.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

struct WatchedCgroup {
  model::CgroupId id;
  std::string path;  // from the root of the memory hierarchy
  model::CgroupIdentity identity;
};

// A cgroup as it is now, for people and metrics.
struct CgroupTrend {
  WatchedCgroup cgroup;
  uint64_t usage_bytes = 0;
  uint64_t working_set_bytes = 0;
  std::optional<model::Limit> limit;  // the one that is reached first: its own, or an ancestor's
  model::Trend trend;
  bool warned = false;
};

// A warning, told first with revision 0 and then, with its outcome, one up.
struct Notice {
  std::string id;
  uint32_t revision = 0;
  uint64_t boot_ns = 0;  // of the warning; its outcome is later
  WatchedCgroup cgroup;  // the container that grows; where none does, the limit's owner
  model::Scope scope = model::Scope::kContainer;
  model::Limit limit;
  model::Warning warning;
};

}  // namespace oomtrail::forecast
