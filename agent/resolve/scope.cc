#include "agent/resolve/scope.h"

#include <algorithm>

namespace oomtrail::resolve {

using model::Level;
using model::MemcgLevel;
using model::Scope;

namespace {

// A charge of a higher order fails before the limit is reached, and others may free memory between
// the charge that failed and the kill; each CPU gives up to 64 pages back at once
// (MEMCG_CHARGE_BATCH).
constexpr uint64_t kSlackBytes = 256UL * 1024;

bool IsFull(const MemcgLevel& level, bool v1) {
  const auto full = [](const std::optional<uint64_t>& usage, const std::optional<uint64_t>& limit) {
    return usage && limit && *usage >= *limit - std::min(kSlackBytes, *limit);
  };
  // On v1 the swap counter is memory+swap, whose limit runs out of memory too.
  return full(level.usage_bytes, level.limit_bytes) ||
         (v1 && full(level.swap_usage_bytes, level.swap_limit_bytes));
}

}  // namespace

Scope ScopeOf(const model::CgroupIdentity& owner, const model::CgroupIdentity& victim) {
  if (victim.level == Level::kHost) return Scope::kHost;
  if (owner.level == Level::kContainer && owner.container_id == victim.container_id) {
    return Scope::kContainer;
  }
  if (owner.level == Level::kPod && owner.pod_uid == victim.pod_uid) return Scope::kPod;
  return Scope::kAncestor;
}

bool HasRoomAgain(const model::OomWithoutKill& oom) {
  if (oom.memcg.levels.empty()) return false;
  const MemcgLevel& level = oom.memcg.levels[0];
  if (!level.usage_bytes || !level.limit_bytes) return false;
  // Far more room than what a failed charge and the CPUs hold back leave.
  constexpr uint64_t kPart = 4;
  return !IsFull(level, oom.memcg.hierarchy != 0) &&
         *level.usage_bytes < *level.limit_bytes - *level.limit_bytes / kPart;
}

std::optional<LimitInference::Owner> LimitInference::Infer(const model::Kill& kill,
                                                           CountLedger& ledger) {
  const auto& levels = kill.memcg.levels;
  const uint32_t trigger_tid = kill.trigger ? kill.trigger->tid : 0;
  const auto remember = [&](size_t level) {
    last_ = Last{.owner = levels[level].id,
                 .oom_count = levels[level].oom_count.value_or(0),
                 .trigger_tid = trigger_tid,
                 .boot_ns = kill.boot_ns,
                 .incident = kill.boot_ns,
                 .usage_bytes = levels[level].usage_bytes};
    return Owner{
        .level = level, .incident = kill.boot_ns, .usage_bytes = levels[level].usage_bytes};
  };

  // A count also rises where room was found in time and nobody was killed: of several levels whose
  // count rose, the innermost that is full, and only else the innermost.
  const bool v1 = kill.memcg.hierarchy != 0;
  std::optional<size_t> risen;
  std::optional<size_t> risen_full;
  for (size_t i = 0; i < levels.size(); ++i) {
    if (!levels[i].oom_count) continue;
    const bool rose = ledger.TakeOomRise(levels[i].id, *levels[i].oom_count);
    if (!rose || !levels[i].limit_bytes) continue;
    if (!risen) risen = i;
    if (!risen_full && IsFull(levels[i], v1)) risen_full = i;
  }
  if (risen) return remember(risen_full.value_or(*risen));

  // The further members of a group kill: the same trigger, in the same breath, at the same count.
  constexpr uint64_t kBreathNs = 1'000'000'000;
  if (last_ && last_->trigger_tid == trigger_tid && kill.boot_ns - last_->boot_ns < kBreathNs) {
    for (size_t i = 0; i < levels.size(); ++i) {
      if (levels[i].id == last_->owner && levels[i].oom_count == last_->oom_count) {
        return Owner{.level = i, .incident = last_->incident, .usage_bytes = last_->usage_bytes};
      }
    }
  }
  for (size_t i = 0; i < levels.size(); ++i) {
    if (levels[i].oom_count.value_or(0) != 0 && IsFull(levels[i], v1)) return remember(i);
  }
  return std::nullopt;
}

}  // namespace oomtrail::resolve
