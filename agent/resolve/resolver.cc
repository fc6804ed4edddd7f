#include "agent/resolve/resolver.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "agent/base/strings.h"
#include "agent/resolve/path_grammar.h"
#include "agent/resolve/proc_facts.h"

namespace oomtrail::resolve {

using model::Constraint;
using model::Scope;

namespace {

constexpr int32_t kSysrqOrder = -1;

// Whether the kill took a whole memory.oom.group: one that is set between the victim and the level
// whose limit was hit (the root cannot have one).
std::optional<bool> IsGroupKill(const model::Kill& kill, std::optional<size_t> owner) {
  if (kill.group_announced) return true;
  const auto& levels = kill.memcg.levels;
  if (levels.empty()) return std::nullopt;
  // Without an owner every level counts, and all of them must be known.
  const size_t above_last = levels.size() - (kill.memcg.complete ? 1 : 0);
  const size_t end = owner ? std::min(*owner + 1, levels.size()) : above_last;
  bool readable = owner || kill.memcg.complete;
  for (size_t i = 0; i < end; ++i) {
    if (levels[i].oom_group) return true;
    if (!levels[i].usage_bytes) readable = false;
  }
  if (!readable) return std::nullopt;
  return false;
}

// Absent where either path is not known: a victim of unknown path is not one of the host.
std::optional<Scope> ScopeOfPaths(const std::string& owner, const ResolvedKill& resolved) {
  if (owner.empty() || resolved.path.empty()) return std::nullopt;
  return ScopeOf(ParseCgroupPath(owner), resolved.identity);
}

std::optional<model::CgroupId> KnownId(model::CgroupId id) {
  if (!id.known()) return std::nullopt;
  return id;
}

// What a user would look for and not find.
void ListMissing(ResolvedKill& resolved) {
  std::vector<std::string>& missing = resolved.missing;
  const model::Victim& victim = resolved.kill.victim;
  const auto lacks = [&](bool absent, const char* name) {
    if (absent) missing.emplace_back(name);
  };
  lacks(resolved.path.empty(), "cgroup.path");
  lacks(!resolved.id.known(), "cgroup.id");
  lacks(victim.comm.empty(), "victim.comm");
  lacks(!victim.uid, "victim.uid");
  lacks(!victim.oom_score_adj, "victim.oom_score_adj");
  lacks(!victim.memory.anon_rss_bytes, "victim.anon_rss_bytes");
  lacks(!victim.memory.page_table_bytes, "victim.page_table_bytes");
  lacks(!victim.memory.total_vm_bytes, "victim.total_vm_bytes");
  lacks(!victim.start_boot_ns, "victim.start_time");
  if (!resolved.kill.trigger) {
    missing.emplace_back("trigger");
  } else if (resolved.trigger_path.empty()) {
    missing.emplace_back("trigger.cgroup_path");
  }
  lacks(!resolved.scope, "scope");
  const bool has_limit =
      resolved.scope && (*resolved.scope == Scope::kContainer || *resolved.scope == Scope::kPod ||
                         *resolved.scope == Scope::kAncestor || *resolved.scope == Scope::kHost);
  lacks(!resolved.limit && (has_limit || !resolved.scope), "limit");
  const auto& oom = resolved.kill.oom;
  lacks(!oom, "oom");
  lacks(oom && !oom->order, "oom.order");
  lacks(oom && !oom->gfp, "oom.gfp");
  lacks(!resolved.group_kill, "oom.group_kill");
}

}  // namespace

void Resolver::TakeBaseline() {
  index_.ForEach([this](model::CgroupId id, const std::string& path) {
    const EventCounts counts = ReadEventCounts(index_.mount(), path);
    ledger_.Baseline(id, counts, index_.clock().BootNanos());
  });
}

void Resolver::AskProc(model::Kill& kill) const {
  if (proc_root_.empty() || !kill.victim.tid) return;
  const auto facts = ReadProcFacts(proc_root_, index_.mount(), *kill.victim.tid);
  if (!facts) return;
  // Another thread may have the id by now. (The kernel log's clock cannot be compared with this
  // one.)
  const bool younger = facts->start_boot_ns > kill.boot_ns;
  if (younger && kill.hook.method != model::HookMethod::kKmsg) return;
  if (!kill.victim.comm.empty() && facts->thread_comm != kill.victim.comm) return;
  if (kill.victim.pid == 0) kill.victim.pid = facts->tgid;
  if (!facts->comm.empty()) kill.victim.comm = facts->comm;
  if (kill.memcg_path.empty()) kill.memcg_path = facts->memcg_path;
}

std::string Resolver::LevelPath(const model::MemcgChain& chain, size_t level) {
  // The names were taken in the kernel at the kill: they cannot be stale, the index can.
  std::string path = chain.Path(level);
  if (path.empty()) path = index_.PathOf(chain.levels[level].id).value_or("");
  return path;
}

std::string Resolver::VictimPath(const model::Kill& kill) {
  if (!kill.memcg.levels.empty()) return LevelPath(kill.memcg, 0);
  return kill.memcg_path;
}

bool Resolver::ProvesKill(const model::Kill& kill, const std::string& path) {
  if (!kill.memcg.levels.empty() && kill.memcg.levels[0].oom_kill_count) {
    return ledger_.ProveKill(kill.memcg.levels[0].id, *kill.memcg.levels[0].oom_kill_count,
                             kill.boot_ns);
  }
  if (proc_root_.empty() || path.empty()) return true;
  const auto counts = ReadEventCounts(index_.mount(), path);
  struct stat directory {};
  if (!counts.oom_kill || ::stat(index_.mount().DirectoryOf(path).c_str(), &directory) != 0) {
    return true;  // gone with its cgroup: what could disprove the kill went too
  }
  return ledger_.ProveKillLate({directory.st_ino}, *counts.oom_kill, kill.boot_ns);
}

std::optional<ResolvedKill> Resolver::Resolve(model::Kill kill) {
  if (kill.memcg.levels.empty()) AskProc(kill);
  if (kill.victim.pid == 0) kill.victim.pid = kill.victim.tid.value_or(0);

  ResolvedKill resolved;
  resolved.path = VictimPath(kill);
  if (kill.needs_proof && !ProvesKill(kill, resolved.path)) return std::nullopt;
  if (filter_.IsDuplicate(kill)) return std::nullopt;

  if (!kill.memcg.levels.empty()) {
    resolved.id = kill.memcg.levels[0].id;
    resolved.cgroup_version = kill.memcg.hierarchy == 0 ? 2 : 1;
  } else if (!resolved.path.empty()) {
    resolved.cgroup_version = index_.mount().version;
  }
  resolved.identity = ParseCgroupPath(resolved.path);
  if (kill.trigger) {
    const bool own = resolved.id.known() && kill.trigger->memcg == resolved.id;
    resolved.trigger_path = own ? resolved.path : index_.PathOf(kill.trigger->memcg).value_or("");
  }
  resolved.kill = std::move(kill);
  FindLimit(resolved);
  ListMissing(resolved);
  return resolved;
}

void Resolver::FindLimit(ResolvedKill& resolved) {
  if (resolved.kill.oom) {
    LimitFromContext(resolved);
  } else {
    LimitByInference(resolved);
  }
}

void Resolver::LimitFromContext(ResolvedKill& resolved) {
  const model::OomContext& oom = *resolved.kill.oom;
  const auto& levels = resolved.kill.memcg.levels;
  resolved.incident = oom.sequence;
  std::optional<size_t> owner;
  std::string path = resolved.kill.limit_path;
  if (oom.limit_memcg.known()) {
    const auto level = std::find_if(levels.begin(), levels.end(), [&](const auto& candidate) {
      return candidate.id == oom.limit_memcg;
    });
    if (level != levels.end()) {
      owner = static_cast<size_t>(level - levels.begin());
      path = LevelPath(resolved.kill.memcg, *owner);
    } else {
      path = index_.PathOf(oom.limit_memcg).value_or("");
    }
  }
  resolved.group_kill = IsGroupKill(resolved.kill, owner);
  if (oom.order == kSysrqOrder && oom.constraint == Constraint::kNone) {
    resolved.scope = Scope::kManual;
  } else if (oom.constraint == Constraint::kCpuset) {
    resolved.scope = Scope::kCpuset;
  } else if (oom.constraint == Constraint::kMempolicy) {
    resolved.scope = Scope::kMempolicy;
  } else if (oom.constraint == Constraint::kNone && !oom.limit_memcg.known()) {
    resolved.scope = Scope::kNode;
  } else {
    resolved.scope = ScopeOfPaths(path, resolved);
  }
  if (oom.limit_memcg.known() || !path.empty()) {
    resolved.limit = model::Limit{.path = path,
                                  .id = KnownId(oom.limit_memcg),
                                  .bytes = oom.limit_bytes,
                                  .usage_bytes = oom.limit_usage_bytes};
  }
}

void Resolver::LimitByInference(ResolvedKill& resolved) {
  const auto& levels = resolved.kill.memcg.levels;
  resolved.incident = resolved.kill.boot_ns;
  const bool countable = std::any_of(levels.begin(), levels.end(),
                                     [](const auto& level) { return level.oom_count.has_value(); });
  if (!countable) {  // nothing to infer from: scope and limit stay unknown
    resolved.group_kill = IsGroupKill(resolved.kill, std::nullopt);
    return;
  }
  resolved.scope_inferred = true;
  const auto owner = inference_.Infer(resolved.kill, ledger_);
  resolved.group_kill =
      IsGroupKill(resolved.kill, owner ? std::optional(owner->level) : std::nullopt);
  if (!owner) {
    if (resolved.kill.memcg.complete) resolved.scope = Scope::kNode;
    return;
  }
  resolved.incident = owner->incident;
  const model::MemcgLevel& level = levels[owner->level];
  const std::string path = LevelPath(resolved.kill.memcg, owner->level);
  resolved.scope = ScopeOfPaths(path, resolved);
  resolved.limit = model::Limit{.path = path,
                                .id = KnownId(level.id),
                                .bytes = level.limit_bytes,
                                .usage_bytes = owner->usage_bytes};
}

ResolvedOom Resolver::Resolve(model::OomWithoutKill oom) {
  ResolvedOom resolved;
  if (!oom.memcg.levels.empty()) resolved.path = LevelPath(oom.memcg, 0);
  resolved.identity = ParseCgroupPath(resolved.path);
  resolved.trigger_path = index_.PathOf(oom.trigger.memcg).value_or("");
  resolved.oom = std::move(oom);
  return resolved;
}

}  // namespace oomtrail::resolve
