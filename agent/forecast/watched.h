// What the lookout watches, and what it says of it. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
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

// By container id, or by pod uid as the cgroup names it; the container's own goes before its pod's.
using WarnRules = absl::flat_hash_map<std::string, WarnRule>;

}  // namespace oomtrail::forecast
