#include "tests/scenarios/knowledge.h"

#include <algorithm>

namespace oomtrail::scenarios {
namespace {

constexpr Known U = Known::kUnknown;
constexpr Known L = Known::kLate;
constexpr Known I = Known::kInferred;
constexpr Known E = Known::kExact;

// Where the kernel lets no way to the counters of a level: neither cast nor raw read.
bool CountersReadable(const Features& features) {
  return features.rdonly_cast || features.probe_read();
}

bool NamesReadable(const Features& features) { return features.snprintf || features.probe_read(); }

bool CurrentReadable(const Features& features) {
  return features.current_btf || features.probe_read();
}

}  // namespace

const std::vector<FactRow>& Facts() {
  // context, leader gone, task, sizes, pid, log, log member, log bare
  static const auto& rows = *new std::vector<FactRow>{
      {Fact::kVictimPid, "victim: pid", {}, {E, E, E, L, L, L, L, L}},
      {Fact::kVictimComm, "victim: comm", {"victim.comm"}, {E, E, E, E, L, E, E, E}},
      {Fact::kVictimUid, "victim: uid", {"victim.uid"}, {E, E, E, E, U, E, E, E}},
      {Fact::kVictimScoreAdj,
       "victim: oom_score_adj",
       {"victim.oom_score_adj"},
       {E, E, E, E, U, E, E, E}},
      {Fact::kVictimStart, "victim: start time", {"victim.start_time"}, {E, E, E, U, U, U, U, U}},
      {Fact::kVictimRss,
       "victim: anon, file, shmem RSS",
       {"victim.anon_rss_bytes"},
       {E, U, E, E, U, E, E, E}},
      {Fact::kVictimSizes,
       "victim: page tables, total VM",
       {"victim.page_table_bytes", "victim.total_vm_bytes"},
       {E, U, E, E, U, E, E, E}},
      {Fact::kCgroupPath,
       "victim's memory cgroup: path",
       {"cgroup.path"},
       {E, E, E, L, L, E, L, L}},
      {Fact::kCgroupId, "victim's memory cgroup: id", {"cgroup.id"}, {E, E, E, U, U, U, U, U}},
      {Fact::kTrigger, "trigger: pid, comm", {"trigger"}, {E, E, E, E, E, U, U, U}},
      {Fact::kTriggerCgroup,
       "trigger: memory cgroup",
       {"trigger.cgroup_path"},
       {E, E, E, E, E, U, U, U}},
      {Fact::kScope, "scope", {"scope"}, {E, E, I, U, U, E, U, U}},
      {Fact::kLimit, "limit: owner, bytes, usage", {"limit"}, {E, E, I, U, U, E, U, U}},
      {Fact::kConstraint, "constraint", {"oom"}, {E, E, U, U, U, E, E, E}},
      {Fact::kOrderGfp, "order, gfp", {"oom.order", "oom.gfp"}, {E, E, U, U, U, E, E, U}},
      {Fact::kGroupKill, "group kill or not", {"oom.group_kill"}, {E, E, I, U, U, U, E, U}},
      {Fact::kGroupIncident, "members are one incident", {}, {E, E, I, U, U, E, E, U}},
      {Fact::kOomWithoutKill, "OOM that kills nobody", {}, {E, E, U, U, U, U, U, U}},
  };
  return rows;
}

const FactRow& RowOf(Fact fact) { return Facts()[static_cast<size_t>(fact)]; }

Shape ShapeOf(Method method, const Features& features, const Situation& situation) {
  switch (method) {
    case Method::kFentry:
    case Method::kKprobe: return situation.leader_gone ? Shape::kLeaderGone : Shape::kWithContext;
    case Method::kTpBtf:
      if (features.mark_victim_task) return Shape::kTask;
      return situation.own_trigger && CurrentReadable(features) ? Shape::kTask : Shape::kPid;
    case Method::kTracepoint:
      if (situation.own_trigger) return Shape::kTask;
      return features.mark_victim_task ? Shape::kSizes : Shape::kPid;
    case Method::kKmsg:
      if (situation.log_header) return Shape::kLog;
      return situation.group_member ? Shape::kLogMember : Shape::kLogBare;
  }
  return Shape::kLogBare;
}

Known Knows(Fact fact, Shape shape, const Features& features) {
  const Known known = RowOf(fact).known[static_cast<size_t>(shape)];
  if (known == U) return U;
  switch (fact) {
    case Fact::kCgroupPath:
      return known == E && shape <= Shape::kTask && !NamesReadable(features) ? L : known;
    case Fact::kTriggerCgroup:
      // On cgroup v2 a helper gives the current task's cgroup, if not the task.
      return CurrentReadable(features) || features.cgroup_version == 2 ? known : U;
    case Fact::kVictimRss:
      return shape <= Shape::kTask && !features.rss_direct && !features.probe_read() ? U : known;
    case Fact::kGroupKill: return shape <= Shape::kTask && !CountersReadable(features) ? U : known;
    case Fact::kScope:
    case Fact::kLimit:
    case Fact::kGroupIncident:
      return shape == Shape::kTask && !CountersReadable(features) ? U : known;
    default: return known;
  }
}

bool CanPin(Method method, const Features& features) {
  switch (method) {
    case Method::kFentry:
    case Method::kTpBtf: return true;
    case Method::kKprobe:
    case Method::kTracepoint: return features.perf_link;
    case Method::kKmsg: return false;
  }
  return false;
}

std::vector<ShapeCase> ShapesOf(Method method, const Features& features) {
  static constexpr struct {
    std::string_view when;
    Situation situation;
  } kCases[] = {
      {"", {}},
      {"another process triggered it", {.own_trigger = false}},
      {"its first thread had exited", {.leader_gone = true}},
      {"a further member of a group kill", {.log_header = false, .group_member = true}},
      {"the log's header was left out", {.log_header = false}},
  };
  std::vector<ShapeCase> shapes;
  for (const auto& [when, situation] : kCases) {
    const Shape shape = ShapeOf(method, features, situation);
    if (shapes.empty() || shape != shapes.front().shape) shapes.push_back({when, shape});
  }
  return shapes;
}

std::string_view Name(Shape shape) {
  switch (shape) {
    case Shape::kWithContext: return "task and oom_control";
    case Shape::kLeaderGone: return "exited leader and oom_control";
    case Shape::kTask: return "task";
    case Shape::kSizes: return "pid and sizes";
    case Shape::kPid: return "pid";
    case Shape::kLog: return "log lines";
    case Shape::kLogMember: return "log line of a member";
    case Shape::kLogBare: return "log line alone";
  }
  return "";
}

std::string_view Name(Method method) {
  switch (method) {
    case Method::kFentry: return "fentry";
    case Method::kKprobe: return "kprobe";
    case Method::kTpBtf: return "tp_btf";
    case Method::kTracepoint: return "tracepoint";
    case Method::kKmsg: return "kmsg";
  }
  return "";
}

std::optional<Method> ParseMethod(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kMethods, [&](Method method) { return Name(method) == name; });
  return found == std::end(kMethods) ? std::nullopt : std::optional(*found);
}

std::string_view Name(Known known) {
  switch (known) {
    case Known::kUnknown: return "unknown";
    case Known::kLate: return "late";
    case Known::kInferred: return "inferred";
    case Known::kExact: return "exact";
  }
  return "";
}

}  // namespace oomtrail::scenarios
