// The resolve stage: a decoded kill in, its cgroups, scope and limit owner out.
//
// Owned and called by one thread. Reads /proc and cgroupfs only where the record itself leaves a
// question open; never waits.
#pragma once

#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/model/kernel_record.h"
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/event_counts.h"
#include "agent/resolve/kill_filter.h"
#include "agent/resolve/resolved_kill.h"
#include "agent/resolve/scope.h"

namespace oomtrail::resolve {

class Resolver {
 public:
  // `proc_root` empty: offline, nothing but the record is asked (replay).
  Resolver(CgroupIndex& index, std::string proc_root)
      : index_(index), proc_root_(std::move(proc_root)) {}

  // Reads what every cgroup has counted so far: what a kill must exceed, and what inference
  // compares with. Call at the start. Kills from before it, which a pinned ring kept, are not
  // judged by it.
  void TakeBaseline();

  // Absent: no new victim (see KillFilter), or a process that was dying and not killed.
  std::optional<ResolvedKill> Resolve(model::Kill kill);
  ResolvedOom Resolve(model::OomWithoutKill oom);

 private:
  void AskProc(model::Kill& kill) const;
  bool ProvesKill(const model::Kill& kill, const std::string& path);
  std::string VictimPath(const model::Kill& kill);
  std::string LevelPath(const model::MemcgChain& chain, size_t level);
  void FindLimit(ResolvedKill& resolved);
  void LimitFromContext(ResolvedKill& resolved);
  void LimitByInference(ResolvedKill& resolved);

  CgroupIndex& index_;
  const std::string proc_root_;
  CountLedger ledger_;
  KillFilter filter_;
  LimitInference inference_;
};

}  // namespace oomtrail::resolve
