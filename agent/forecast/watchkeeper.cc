#include "agent/forecast/watchkeeper.h"

#include <algorithm>
#include <utility>

#include "agent/base/strings.h"
#include "agent/forecast/schedule.h"
#include "agent/resolve/scope.h"

namespace oomtrail::forecast {
namespace {

// So many failed reads in a row are taken for the cgroup's end, wherever the list of cgroups is.
constexpr uint32_t kMaxMisses = 3;

void Sample(uint64_t boot_ns, Target& target) {
  target.sample_ns = boot_ns;
  target.forecaster.Add({.boot_ns = boot_ns,
                         .usage_bytes = target.usage.usage_bytes,
                         .limit_bytes = target.usage.limit_bytes,
                         .inactive_file_bytes = target.inactive_file_bytes});
  target.inactive_file_bytes.reset();
  target.trend = target.forecaster.trend();
  target.recent_usage.Add(boot_ns, target.usage.usage_bytes);
}

void NoteReading(uint64_t boot_ns, Target& target, bool working_set, const NearReading& reading) {
  if (working_set) {
    target.working_set_ns = boot_ns;
    target.working_set_usage_bytes = target.usage.usage_bytes;
    target.working_set_unreadable = !reading.inactive_file_bytes.has_value();
    target.inactive_file_bytes = reading.inactive_file_bytes;
  }
  target.stalled_share = reading.stalled_share;
  target.recent_limit_hits.reset();
  if (reading.limit_hits) {
    target.limit_hits.Add(boot_ns, *reading.limit_hits);
    const uint64_t before = target.limit_hits.Before(boot_ns).value_or(*reading.limit_hits);
    target.recent_limit_hits = *reading.limit_hits - std::min(before, *reading.limit_hits);
  }
}

// Null: the node.
model::CgroupId IdOf(const Member* owner) {
  return owner != nullptr ? owner->cgroup.id : model::CgroupId{};
}

// The node's has no path, for it is no cgroup's.
model::Limit LimitOf(const Target& target, const Member* owner) {
  model::Limit limit{.path = "",
                     .id = {},
                     .bytes = target.usage.limit_bytes,
                     .usage_bytes = target.usage.usage_bytes};
  if (owner == nullptr) return limit;
  limit.path = owner->cgroup.path;
  limit.id = owner->cgroup.id;
  return limit;
}

}  // namespace

Watchkeeper::Watchkeeper(WarnRule rule, WarningLedger& ledger, size_t max_near)
    : rule_(rule), ledger_(ledger), max_near_(max_near) {
  node_.rule = rule;
}

std::vector<model::CgroupId> Watchkeeper::SetCgroups(uint64_t boot_ns,
                                                     std::vector<WatchedCgroup> cgroups) {
  std::vector<model::CgroupId> gone;
  tree_.Set(boot_ns, std::move(cgroups), [&](Member& member) {
    gone.push_back(member.cgroup.id);
    if (member.target != nullptr) End(boot_ns, *member.target, &member);
  });
  return gone;
}

void Watchkeeper::SetRules(WarnRules rules) {
  rules_ = std::move(rules);
  for (const auto& member : tree_.members()) {
    if (member->target != nullptr) member->target->rule = RuleOf(member->cgroup.identity);
  }
}

WarnRule Watchkeeper::RuleOf(const model::CgroupIdentity& identity) const {
  if (identity.container_id) {
    const auto found = rules_.find(identity.container_id->str());
    if (found != rules_.end()) return found->second;
  }
  if (identity.pod_uid) {
    const auto found = rules_.find(identity.pod_uid->str());
    if (found != rules_.end()) return found->second;
  }
  return rule_;
}

void Watchkeeper::OnKill(const KillSeen& kill) {
  const auto forget = [](Target& target) {
    target.forecaster.Killed();
    target.recent_usage.Clear();
  };
  for (Member* at = tree_.Find(kill.victim); at != nullptr; at = at->parent) {
    if (at->target != nullptr) forget(*at->target);
  }
  const auto end = [&](model::CgroupId owner) {
    Member* member = tree_.Find(owner);
    Target* target = owner.known() ? (member != nullptr ? member->target.get() : nullptr) : &node_;
    if (target == nullptr) return;
    static_cast<void>(target->alarm.Killed(kill.boot_ns));  // the ledger has told it
    target->untold.reset();
  };
  for (const model::CgroupId owner : kill.ended) end(owner);
  end(kill.limit_owner.value_or(model::CgroupId{}));
  if (!kill.limit_owner) forget(node_);
}

void Watchkeeper::Hasten(model::CgroupId id) {
  if (Member* member = tree_.Find(id)) member->due_ns = 0;
}

void Watchkeeper::Due(uint64_t boot_ns, std::vector<UsageQuestion>& questions) {
  due_.clear();
  questions.clear();
  left_out_ = tree_.unseen();
  for (const auto& member : tree_.members()) {
    if (member->wanted && member->target == nullptr) ++left_out_;
    if (member->due_ns > boot_ns) continue;
    due_.push_back(member.get());
    questions.push_back(
        {.id = member->cgroup.id, .path = member->cgroup.path, .often = member->target != nullptr});
  }
}

void Watchkeeper::NoteUsage(uint64_t boot_ns, Member& member, const std::optional<Usage>& usage) {
  member.wanted = member.container || (usage && usage->limit_bytes);
  if (member.wanted && member.target == nullptr && tree_.Watch(member)) {
    member.target->rule = RuleOf(member.cgroup.identity);
  }
  if (member.target != nullptr) {
    Target& target = *member.target;
    if (usage) target.usage = *usage;
    target.misses = usage ? 0 : target.misses + 1;
    if (target.misses == kMaxMisses) End(boot_ns, target, &member);
  }
  member.due_ns = boot_ns + SampleInterval(boot_ns, member) - kPassSlackNs;
}

void Watchkeeper::Near(uint64_t boot_ns, std::span<const std::optional<Usage>> usages,
                       std::vector<NearQuestion>& questions) {
  for (size_t i = 0; i < due_.size() && i < usages.size(); ++i) {
    NoteUsage(boot_ns, *due_[i], usages[i]);
  }
  near_.clear();
  for (const auto& member : tree_.members()) {
    if (member->target == nullptr || member->target->misses != 0) continue;
    if (!IsNear(*member->target)) {
      member->target->stalled_share.reset();
      member->target->recent_limit_hits.reset();
      continue;
    }
    const Target& target = *member->target;
    const auto share = target.working_set_ns == 0 ? target.UsedShare() : target.WorkingSetShare();
    near_.push_back({.urgency = share.value_or(0), .member = member.get()});
  }
  std::ranges::stable_sort(near_, std::ranges::greater(), &Urgent::urgency);
  near_.resize(std::min(near_.size(), max_near_));
  questions.clear();
  asked_.clear();
  for (const Urgent& near : near_) {
    questions.push_back({.id = near.member->cgroup.id, .path = near.member->cgroup.path});
    asked_.push_back(near.member);
  }
  AskForWorkingSets(boot_ns, questions);
}

void Watchkeeper::AskForWorkingSets(uint64_t boot_ns, std::vector<NearQuestion>& questions) {
  std::vector<Urgent> urgent;
  for (Member* member : due_) {
    if (member->target == nullptr || member->target->misses != 0) continue;
    if (const auto urgency = WorkingSetUrgency(boot_ns, *member->target)) {
      urgent.push_back({.urgency = *urgency, .member = member});
    }
  }
  std::ranges::stable_sort(urgent, std::ranges::greater(), &Urgent::urgency);
  urgent.resize(std::min(urgent.size(), kMaxWorkingSets));
  absl::flat_hash_map<Member*, size_t> near;
  for (size_t i = 0; i < asked_.size(); ++i) near.emplace(asked_[i], i);
  for (const Urgent& wanted : urgent) {
    if (const auto found = near.find(wanted.member); found != near.end()) {
      questions[found->second].working_set = true;
      continue;
    }
    questions.push_back({.id = wanted.member->cgroup.id,
                         .path = wanted.member->cgroup.path,
                         .near = false,
                         .working_set = true});
    asked_.push_back(wanted.member);
  }
  asked_for_working_set_.clear();
  for (const NearQuestion& question : questions) {
    asked_for_working_set_.push_back(question.working_set);
  }
}

void Watchkeeper::Judge(uint64_t boot_ns, std::span<const NearReading> readings,
                        const NodeReading& node) {
  for (size_t i = 0; i < asked_.size() && i < readings.size(); ++i) {
    NoteReading(boot_ns, *asked_[i]->target, asked_for_working_set_[i], readings[i]);
  }
  // All samples before any warning: that names who grew most.
  std::erase_if(due_, [](const Member* member) {
    return member->target == nullptr || member->target->misses != 0;
  });
  for (Member* member : due_) Sample(boot_ns, *member->target);
  for (Member* member : due_) Step(boot_ns, *member->target, member);
  JudgeNode(boot_ns, node);
}

void Watchkeeper::JudgeNode(uint64_t boot_ns, const NodeReading& node) {
  if (!node.usage || boot_ns < node_.sample_ns + kSecondNs - kPassSlackNs) return;
  node_.usage = *node.usage;
  node_.stalled_share = node.stalled_share;
  node_.working_set_ns = boot_ns;
  node_.inactive_file_bytes = 0;  // MemAvailable is without what can be dropped
  Sample(boot_ns, node_);
  Step(boot_ns, node_, nullptr);
}

void Watchkeeper::Step(uint64_t boot_ns, Target& target, const Member* owner) {
  if (!target.usage.limit_bytes) {
    End(boot_ns, target, owner);
    return;
  }
  // What looks like growth may be page cache: first its working set must be known.
  if (!target.alarm.standing() && IsNear(target) && !KnowsWorkingSet(boot_ns, target)) return;
  const auto warning =
      target.alarm.Step({.boot_ns = boot_ns,
                         .trend = target.trend,
                         .working_set_bytes = target.forecaster.working_set_bytes(),
                         .limit_bytes = *target.usage.limit_bytes,
                         .stalled_share = target.stalled_share},
                        target.rule);
  if (warning && warning->outcome) {
    target.untold.reset();
    ledger_.End(IdOf(owner), *warning->outcome, boot_ns);
  } else if (warning) {
    Tell(boot_ns, target, owner, *warning);
  } else if (target.untold) {
    Tell(boot_ns, target, owner, *std::exchange(target.untold, std::nullopt));
  }
}

void Watchkeeper::Tell(uint64_t boot_ns, Target& target, const Member* owner,
                       const model::Warning& warning) {
  Notice notice{
      .boot_ns = boot_ns, .cgroup = {}, .limit = LimitOf(target, owner), .warning = warning};
  const Member* grower = Grower(owner);
  if (grower == nullptr) grower = owner;
  if (grower != nullptr) notice.cgroup = grower->cgroup;
  notice.scope = owner == nullptr
                     ? model::Scope::kNode
                     : resolve::ScopeOf(owner->cgroup.identity, notice.cgroup.identity);
  notice.warning.limit_hits = target.recent_limit_hits;
  const model::CgroupId id = IdOf(owner);
  notice.id = base::StrCat("w/", id.value, "/", boot_ns);
  if (!ledger_.Begin(id, std::move(notice))) target.untold = warning;
}

// The cgroup, or its limit, is no more.
void Watchkeeper::End(uint64_t boot_ns, Target& target, const Member* owner) {
  target.untold.reset();
  if (target.alarm.Ended(boot_ns)) {
    ledger_.End(IdOf(owner), model::WarningOutcome::kExpired, boot_ns);
  }
}

const Member* Watchkeeper::Grower(const Member* owner) const {
  const Member* most = nullptr;
  const auto rank = [](const Member& member) {
    const Target& target = *member.target;
    return std::pair(std::max<int64_t>(target.RecentGrowth(), 0), target.usage.usage_bytes);
  };
  for (const auto& member : tree_.members()) {
    if (!member->container || member->target == nullptr || member->target->misses != 0) continue;
    if (owner != nullptr && !IsBelow(*member, *owner)) continue;
    if (most == nullptr || rank(*member) > rank(*most)) most = member.get();
  }
  return most;
}

std::vector<CgroupTrend> Watchkeeper::Trends() const {
  std::vector<CgroupTrend> trends;
  for (const auto& member : tree_.members()) {
    const Target* target = member->target.get();
    if (target == nullptr || target->sample_ns == 0 || target->misses != 0) continue;
    if (member->container || target->usage.limit_bytes) trends.push_back(TrendOf(*member));
  }
  if (node_.sample_ns == 0) return trends;
  trends.push_back({.cgroup = {.id = {}, .path = "/", .identity = {}},
                    .usage_bytes = node_.usage.usage_bytes,
                    .working_set_bytes = node_.forecaster.working_set_bytes(),
                    .limit = LimitOf(node_, nullptr),
                    .trend = node_.trend,
                    .warned = node_.alarm.standing()});
  return trends;
}

// Its limit is the one of its chain that is reached first; where none is, the fullest.
CgroupTrend Watchkeeper::TrendOf(const Member& member) const {
  const Target& target = *member.target;
  const Member* binding = nullptr;
  const auto sooner = [](const Target& a, const Target& b) {
    if (a.trend.seconds_to_limit != b.trend.seconds_to_limit) {
      if (!a.trend.seconds_to_limit || !b.trend.seconds_to_limit) {
        return a.trend.seconds_to_limit.has_value();
      }
      return *a.trend.seconds_to_limit < *b.trend.seconds_to_limit;
    }
    return a.WorkingSetShare() > b.WorkingSetShare();
  };
  for (const Member* at = &member; at != nullptr; at = at->parent) {
    if (at->target == nullptr || !at->target->usage.limit_bytes) continue;
    if (binding == nullptr || sooner(*at->target, *binding->target)) binding = at;
  }
  CgroupTrend trend{.cgroup = member.cgroup,
                    .usage_bytes = target.usage.usage_bytes,
                    .working_set_bytes = target.forecaster.working_set_bytes(),
                    .limit = {},
                    .trend = target.trend,
                    .warned = target.alarm.standing() || ledger_.IsWarned(member.cgroup.id)};
  if (binding == nullptr) return trend;
  const Target& of = *binding->target;
  trend.limit = LimitOf(of, binding);
  trend.trend.seconds_to_limit = of.trend.seconds_to_limit;
  if (binding != &member) trend.trend.confidence = of.trend.confidence;
  return trend;
}

}  // namespace oomtrail::forecast
