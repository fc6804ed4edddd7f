#include "agent/attribute/attributor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "agent/base/strings.h"
#include "agent/resolve/scope.h"

namespace oomtrail::attribute {

using model::AttributionStatus;
using model::Event;

namespace {

constexpr size_t kBootIdDigits = 8;

std::string Hex(uint64_t value) { return absl::StrFormat("%x", value); }

// Takes `name` off the list of what is missing.
void Found(model::Attribution& attribution, std::string_view name) {
  std::erase(attribution.missing, name);
}

void Missing(model::Attribution& attribution, std::string_view name) {
  Found(attribution, name);
  attribution.missing.emplace_back(name);
}

// A source that names another pod than the cgroup path proves is not believed.
bool Contradicts(const model::CgroupIdentity& identity, const FoundContainer& found) {
  return identity.pod_uid && found.cgroup_uid && *identity.pod_uid != *found.cgroup_uid;
}

bool IsFull(const Event& event) { return event.attribution.status == AttributionStatus::kFull; }

// Whether what the sources say by now is worth an amendment.
bool SaysMore(const Event& now, const Event& before) {
  if (IsFull(now) != IsFull(before)) return IsFull(now);
  const size_t missing = now.attribution.missing.size();
  if (missing != before.attribution.missing.size()) {
    return missing < before.attribution.missing.size();
  }
  return now.pod != before.pod || now.container != before.container;
}

}  // namespace

std::string Attributor::Id(std::string_view what) const {
  return base::StrCat(std::string_view(node_.boot_id).substr(0, kBootIdDigits), "-", what);
}

// The lookout's ids hold slashes, an event's letters and digits.
std::string Attributor::WarningId(std::string id) const {
  std::ranges::replace(id, '/', '-');
  return Id(id);
}

void Attributor::Stamp(Event& event, uint64_t boot_ns) const {
  event.boot_ns = boot_ns;
  event.wall_ns = clock_.WallFromBoot(boot_ns);
  event.node = node_.name;
}

Event Attributor::Attribute(const resolve::ResolvedKill& resolved,
                            std::optional<model::Warned> warned) {
  const model::Kill& kill = resolved.kill;
  Event event;
  event.kind = model::Kind::kOomKill;
  Stamp(event, kill.boot_ns + static_cast<uint64_t>(kill.clock_offset_ns));
  // A process is killed once: pid and start name the kill, whichever hook or pass saw it.
  event.id = Id(base::StrCat(
      kill.victim.pid, "-",
      kill.victim.start_boot_ns ? Hex(*kill.victim.start_boot_ns) : "t" + Hex(kill.boot_ns)));
  event.incident_id = Id("i" + Hex(resolved.incident));
  event.victim = kill.victim;
  if (kill.victim.start_boot_ns) {
    event.victim_start_wall_ns = clock_.WallFromBoot(*kill.victim.start_boot_ns);
  }
  event.trigger = kill.trigger;
  event.trigger_path = resolved.trigger_path;
  event.cgroup_path = resolved.path;
  event.cgroup_id = resolved.id;
  event.cgroup_version = resolved.cgroup_version;
  event.identity = resolved.identity;
  event.scope = resolved.scope;
  event.scope_inferred = resolved.scope_inferred;
  event.limit = resolved.limit;
  event.oom = kill.oom;
  event.group_kill = resolved.group_kill;
  event.hook = kill.hook;
  event.warned = std::move(warned);
  if (event.warned && !event.warned->id.empty()) event.warned->id = WarningId(event.warned->id);
  event.attribution.missing = resolved.missing;
  AddNamesOrAwait(event);
  return event;
}

Event Attributor::Attribute(const resolve::ResolvedOom& resolved) {
  const model::OomWithoutKill& oom = resolved.oom;
  Event event;
  event.kind = model::Kind::kOomWithoutKill;
  Stamp(event, oom.boot_ns);
  event.id = Id("n" + Hex(oom.boot_ns));
  event.incident_id = Id("i" + Hex(oom.boot_ns));
  event.trigger = oom.trigger;
  event.trigger_path = resolved.trigger_path;
  event.cgroup_path = resolved.path;
  event.identity = resolved.identity;
  if (!resolved.path.empty()) {
    event.scope = resolve::ScopeOf(resolved.identity, resolved.identity);
  }
  if (!oom.memcg.levels.empty()) {
    const model::MemcgLevel& level = oom.memcg.levels[0];
    event.cgroup_id = level.id;
    event.cgroup_version = oom.memcg.hierarchy == 0 ? 2 : 1;
    event.limit = model::Limit{.path = resolved.path,
                               .id = level.id,
                               .bytes = level.limit_bytes,
                               .usage_bytes = level.usage_bytes};
  }
  event.oom = model::OomContext{.constraint = model::Constraint::kMemcg,
                                .order = oom.order,
                                .gfp = oom.gfp,
                                .limit_memcg = event.cgroup_id};
  event.suppressed = oom.suppressed;
  event.hook = oom.hook;
  AddNamesOrAwait(event);
  return event;
}

Event Attributor::WarningOf(const forecast::Notice& notice) const {
  Event event;
  event.kind = model::Kind::kEarlyWarning;
  Stamp(event, notice.boot_ns);
  event.id = WarningId(notice.id);
  event.revision = notice.revision;
  event.cgroup_path = notice.cgroup.path;
  event.cgroup_id = notice.cgroup.id;
  event.cgroup_version = node_.cgroup_version;
  event.identity = notice.cgroup.identity;
  event.scope = notice.scope;
  event.limit = notice.limit;
  event.warning = notice.warning;
  return event;
}

Event Attributor::Attribute(const forecast::Notice& notice) {
  Event event = WarningOf(notice);
  const auto told = standing_.find(event.id);
  if (told == standing_.end()) {
    // What is not remembered could be amended by two that do not know of each other.
    if (standing_.size() >= kMaxStanding || notice.warning.outcome) {
      AddNames(event);
      return event;
    }
    AddNamesOrAwait(event);
    standing_.emplace(event.id, event);
    return event;
  }
  // The names that it had stay, also where the directory has forgotten them since.
  Event next = told->second;
  next.revision = told->second.revision + 1;
  next.limit = std::move(event.limit);
  next.warning = event.warning;
  Event again = next;
  AddNames(again);
  if (SaysMore(again, next)) next = std::move(again);
  for (Pending& waiting : pending_) {
    if (waiting.event.id == next.id) waiting.event = next;
  }
  if (next.warning->outcome) {
    standing_.erase(told);
  } else {
    told->second = next;
  }
  return next;
}

Event Attributor::Lost(std::string_view stage, uint64_t count) const {
  Event event;
  event.kind = model::Kind::kLost;
  Stamp(event, clock_.BootNanos());
  event.id = Id(base::StrCat("l", Hex(event.boot_ns), "-", stage));
  event.loss = model::Loss{.stage = std::string(stage), .count = count};
  return event;
}

bool Attributor::AddNames(Event& event) const {
  const model::CgroupIdentity& identity = event.identity;
  model::Attribution& attribution = event.attribution;
  attribution.sources.clear();
  attribution.reason.clear();
  if (event.cgroup_path.empty()) {
    attribution.status = AttributionStatus::kUnknown;
    attribution.reason = "the victim's cgroup could not be read";
    return false;
  }
  attribution.sources.emplace_back("cgroup_path");
  if (identity.level == model::Level::kHost) {
    attribution.status = AttributionStatus::kHost;
    return false;
  }
  attribution.status = AttributionStatus::kPartial;
  attribution.reason = node_.has_sources ? "no name source knows this container"
                                         : "no name source: neither runtime nor kubelet is asked";
  for (const char* name : {"pod.name", "pod.namespace", "container.name"}) {
    Missing(attribution, name);
  }
  const auto learn_pod = [&](const model::PodFacts& pod, const std::vector<std::string>& sources) {
    event.pod = pod;
    Found(attribution, "pod.name");
    Found(attribution, "pod.namespace");
    attribution.sources.insert(attribution.sources.end(), sources.begin(), sources.end());
    attribution.reason = "the pod is known, its container is not";
  };
  if (identity.container_id) {
    const auto found = directory_.Find(*identity.container_id);
    if (found && Contradicts(identity, *found)) {
      attribution.reason = base::StrCat(base::StrJoin(found->sources, ", "),
                                        " names another pod than the cgroup path");
      return true;
    }
    if (found) {
      learn_pod(found->pod, found->sources);
      if (found->sandbox) {
        attribution.reason = "the pod's sandbox, which has no container name";
        return true;
      }
      event.container = found->facts;
      if (found->facts.name.empty()) {
        attribution.reason = "the container is known, its name is not";
        return true;
      }
      Found(attribution, "container.name");
      attribution.status = AttributionStatus::kFull;
      attribution.reason.clear();
      return !found->complete;
    }
  }
  if (identity.pod_uid) {
    if (const auto found = directory_.FindPod(*identity.pod_uid)) {
      learn_pod(found->facts, found->sources);
    }
  }
  return true;
}

void Attributor::AddNamesOrAwait(Event& event) {
  const bool more = AddNames(event);
  if (event.attribution.status == AttributionStatus::kUnknown) GiveUp(event, "no_cgroup");
  if (!more) return;
  if (node_.has_sources) {
    Await(event);
  } else {
    GiveUp(event, "no_source");
  }
}

void Attributor::GiveUp(const Event& event, const char* reason) {
  if (!IsFull(event) && event.kind != model::Kind::kEarlyWarning) ++unattributed_[reason];
}

void Attributor::Await(const Event& event) {
  if (pending_.size() >= kMaxPending) {
    // A name is worth more than what else a source may tell.
    if (IsFull(event)) return;
    GiveUp(pending_.front().event, "too_many_waiting");
    pending_.pop_front();
  }
  pending_.push_back({event, clock_.BootNanos()});
}

std::vector<Event> Attributor::Amend() {
  std::vector<Event> amended;
  const uint64_t now = clock_.BootNanos();
  std::deque<Pending> still;
  for (Pending& waiting : pending_) {
    Event next = waiting.event;
    const bool more = AddNames(next);
    if (SaysMore(next, waiting.event)) {
      ++next.revision;
      amended.push_back(next);
      if (const auto told = standing_.find(next.id); told != standing_.end()) told->second = next;
      waiting.event = std::move(next);
    }
    if (!more) continue;
    if (now - waiting.since_ns <= kDeadlineNs) {
      still.push_back(std::move(waiting));
    } else {
      GiveUp(waiting.event, "not_known_in_time");
    }
  }
  pending_ = std::move(still);
  return amended;
}

}  // namespace oomtrail::attribute
