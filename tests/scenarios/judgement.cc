#include "tests/scenarios/judgement.h"

#include <algorithm>

#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

using Pointer = Json::json_pointer;

}  // namespace

pid_t PidOf(const Json& event, const char* name) {
  const Pointer at(std::string("/victim/") + name);
  return event.contains(at) && event[at].is_number() ? event[at].get<pid_t>() : 0;
}

Judgement::Judgement(Method method, const Features& features, const Happened& happened,
                     std::set<std::string>& ids)
    : method_(method),
      features_(features),
      happened_(happened),
      context_{.features = features,
               .method = method,
               .began_wall_ns = happened.began_wall_ns,
               .ended_wall_ns = happened.ended_wall_ns},
      ids_(ids) {}

void Judgement::Hear(const Json& event) {
  const std::string kind = event.value("kind", "");
  const std::string id = event.value("id", "");
  std::vector<std::string> wrong;
  if (kind == "oom_kill") {
    wrong = HearKill(event);
  } else if (kind == "oom_without_kill") {
    wrong = HearOomWithoutKill(event);
  } else {
    wrong.push_back("/kind: unexpected " + kind);
  }
  if (id.empty() || !ids_.insert(id).second) wrong.push_back("/id: " + id + " is not unique");
  if (wrong.empty()) return;
  std::vector<std::string>& failures = verdict_.failures;
  failures.insert(failures.end(), wrong.begin(), wrong.end());
  failures.push_back(event.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::vector<std::string> Judgement::HearKill(const Json& event) {
  const auto& kills = happened_.outcome.kills;
  const auto expected = std::ranges::find_if(kills, [&](const ExpectedKill& kill) {
    return PidOf(event, "pid") == kill.pid || PidOf(event, "tid") == kill.tid;
  });
  if (expected == kills.end()) {
    if (happened_.sentinel != 0 && PidOf(event, "pid") == happened_.sentinel) {
      if (++sentinels_ == 1) return {};
      return {"a second event for the sentinel"};
    }
    if (!happened_.is_ours(event)) return {};
    return {"an event for a process that was not killed"};
  }
  std::vector<std::string> wrong;
  if (std::ranges::any_of(seen_, [&](const auto& seen) { return seen.first == &*expected; })) {
    wrong.emplace_back("a second event for the same kill");
  }
  seen_.emplace_back(&*expected, event.value("incident_id", ""));
  if (event.contains(Pointer("/victim/start_time"))) {
    verdict_.ids[expected->pid] = event.value("id", "");
  }
  const LogKill* const truth = happened_.truth(expected->tid);
  if (truth == nullptr) {
    wrong.emplace_back("the kernel log does not hold this kill");
    return wrong;
  }
  const auto found = CheckKill(context_, *expected, *truth, event, verdict_.learnt);
  wrong.insert(wrong.end(), found.begin(), found.end());
  return wrong;
}

std::vector<std::string> Judgement::HearOomWithoutKill(const Json& event) {
  const auto& ooms = happened_.outcome.ooms_without_kill;
  const auto expected = std::ranges::find_if(ooms, [&](const ExpectedOomWithoutKill& oom) {
    return event.value(Pointer("/cgroup/path"), "") == oom.place.cgroup.path;
  });
  if (expected == ooms.end()) {
    if (!happened_.is_ours(event)) return {};
    return {"an OOM without a kill that there was not"};
  }
  std::vector<std::string> wrong = CheckOomWithoutKill(context_, *expected, event);
  if (!silent_.insert(&*expected).second) wrong.emplace_back("a second event for the same OOM");
  return wrong;
}

bool Judgement::KnowsIncident(const ExpectedKill& kill) const {
  const LogKill* const truth = happened_.truth(kill.tid);
  const Shape shape = ShapeOf(method_, features_,
                              {.own_trigger = kill.own_trigger,
                               .leader_gone = kill.tid != kill.pid,
                               .log_header = truth != nullptr && truth->header.has_value(),
                               .group_member = kill.group_member});
  return Knows(Fact::kGroupIncident, shape, features_) != Known::kUnknown;
}

// Members of one OOM share an incident, where that can be known; two OOMs never do.
void Judgement::CheckIncidents() {
  std::map<int, std::string> by_incident;
  std::map<std::string, int> by_id;
  for (const auto& [kill, id] : seen_) {
    if (id.empty()) verdict_.failures.emplace_back("/incident_id: absent");
    const auto [other, fresh] = by_id.emplace(id, kill->incident);
    if (!fresh && other->second != kill->incident) {
      verdict_.failures.push_back(base::StrCat("/incident_id: ", id, " joins two OOMs"));
    }
    if (!KnowsIncident(*kill)) continue;
    const auto [same, first] = by_incident.emplace(kill->incident, id);
    if (!first && same->second != id) {
      verdict_.failures.push_back(
          base::StrCat("/incident_id: ", id, " and ", same->second, " are one OOM"));
    }
  }
}

Verdict Judgement::Conclude() {
  for (const ExpectedKill& kill : happened_.outcome.kills) {
    if (std::ranges::none_of(seen_, [&](const auto& seen) { return seen.first == &kill; })) {
      verdict_.failures.push_back(base::StrCat("no event for ", kill.comm, " (", kill.pid, ")"));
    }
  }
  const Shape shape = ShapeOf(method_, features_, {});
  const bool hears = Knows(Fact::kOomWithoutKill, shape, features_) != Known::kUnknown;
  for (const ExpectedOomWithoutKill& oom : happened_.outcome.ooms_without_kill) {
    const bool heard = silent_.contains(&oom);
    if (hears && oom.certain && !heard) {
      verdict_.failures.push_back("no event for the OOM without a kill in " +
                                  oom.place.cgroup.path);
    }
    if (!hears && heard) {
      verdict_.failures.emplace_back("an OOM without a kill, which this method cannot see");
    }
  }
  CheckIncidents();
  return std::move(verdict_);
}

}  // namespace oomtrail::scenarios
