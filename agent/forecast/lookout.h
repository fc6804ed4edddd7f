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
#include "agent/model/cgroup_identity.h"
#include "agent/model/event.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

// When to warn: by flag, and by a pod's annotations instead.
struct WarnRule {
  bool on = true;
  double seconds = 60;  // warn when the limit is this near; 0: never for growth
  double percent = 95;  // … or when so much of it is in use; 100: never for the level
};

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
