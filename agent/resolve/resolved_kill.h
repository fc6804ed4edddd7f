// A kill with its cgroups named: what resolve hands to attribute. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/event.h"
#include "agent/model/kernel_record.h"

namespace oomtrail::resolve {

struct ResolvedKill {
  model::Kill kill;
  std::string path;  // of the victim's memory cgroup; empty where nothing tells
  model::CgroupId id;
  int cgroup_version = 0;
  model::CgroupIdentity identity;
  std::string trigger_path;
  std::optional<model::Scope> scope;
  bool scope_inferred = false;
  std::optional<model::Limit> limit;
  std::optional<bool> group_kill;
  uint64_t incident = 0;             // the same for all victims of one OOM
  std::vector<std::string> missing;  // JSON names of what this method could not tell
};

struct ResolvedOom {
  model::OomWithoutKill oom;
  std::string path;
  model::CgroupIdentity identity;
  std::string trigger_path;
};

}  // namespace oomtrail::resolve
