#include "tests/scenarios/check.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "agent/base/strings.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/clocks.h"

namespace oomtrail::scenarios {
namespace {

constexpr int64_t kStartToleranceNs = 20'000'000;
constexpr uint64_t kPageBytes = 4096;
// CLOCK_BOOTTIME is turned into time of day by a difference sampled a moment apart.
constexpr int64_t kClockToleranceNs = 5'000'000;

uint64_t SlackBytes(const Features& features) {
  return 64 * kPageBytes * static_cast<uint64_t>(features.cpus);
}

// Holds a kill's event against the knowledge table, fact by fact.
class KillCheck {
 public:
  KillCheck(const CheckContext& context, const ExpectedKill& expected, const LogKill& truth,
            const Json& event, Learnt& learnt)
      : context_(context),
        expected_(expected),
        truth_(truth),
        shape_(ShapeOf(context.method, context.features,
                       {.own_trigger = expected.own_trigger,
                        .leader_gone = expected.tid != expected.pid,
                        .log_header = truth.header.has_value(),
                        .group_member = expected.group_member})),
        learnt_(learnt),
        check_(event) {}

  std::vector<std::string> Run() {
    CheckFrame();
    CheckVictim();
    CheckCgroup();
    CheckTrigger();
    CheckScope();
    CheckOom();
    CheckAttribution();
    return check_.Take();
  }

 private:
  // Whether the fact is there, after it was made sure that it is where it must be, that it is not
  // where it cannot be, and that what is absent is named.
  bool Has(Fact fact, const std::vector<std::string>& pointers) {
    const Known known = Knows(fact, shape_, context_.features);
    const bool late = known == Known::kLate;
    const auto there = [&](const std::string& pointer) { return check_.At(pointer) != nullptr; };
    const bool present = std::ranges::all_of(pointers, there);
    const bool absent = std::ranges::none_of(pointers, there);
    const std::string what =
        base::StrCat(RowOf(fact).label, " (", Name(known), " by ", Name(context_.method), ")");
    if (known == Known::kUnknown && !absent) check_.Fail(what + ": is there, and cannot be known");
    if (known != Known::kUnknown && !present && !(late && absent)) check_.Fail(what + ": absent");
    for (const std::string_view name : RowOf(fact).missing) {
      if (check_.Named(name) == present) {
        check_.Fail(
            base::StrCat(what, ": ", name, present ? " is" : " is not", " in attribution.missing"));
      }
    }
    learnt_[fact] = present ? known : Known::kUnknown;
    return present;
  }

  void CheckFrame() {
    check_.Equal("/schema", "oomtrail.v1.event");
    check_.Equal("/kind", "oom_kill");
    check_.Equal("/revision", 0);
    check_.Equal("/node", kNodeName);
    check_.Equal("/hook/method", Name(context_.method));
    switch (context_.method) {
      case Method::kFentry:
      case Method::kKprobe: check_.Equal("/hook/name", "__oom_kill_process"); break;
      case Method::kTpBtf:
      case Method::kTracepoint: check_.Equal("/hook/name", "mark_victim"); break;
      case Method::kKmsg: check_.Equal("/hook/name", "kmsg"); break;
    }
    check_.Within("/time", context_.began_wall_ns - kClockToleranceNs,
                  context_.ended_wall_ns + kClockToleranceNs);
    if (const Json* boot = check_.At("/boot_time_ns"); boot == nullptr || !boot->is_number()) {
      check_.Fail("/boot_time_ns: absent");
    } else {
      const int64_t time = BootToWall(boot->get<int64_t>());
      check_.Within("/time", time - kClockToleranceNs, time + kClockToleranceNs);
    }
  }

  void CheckVictim() {
    const bool pid_late = Knows(Fact::kVictimPid, shape_, context_.features) == Known::kLate;
    const Json* pid = check_.At("/victim/pid");
    // Gone before /proc could be asked for its thread group: a thread's id stands for the process.
    const bool stands_in = pid_late && pid != nullptr && *pid == Json(expected_.tid);
    if (!stands_in) check_.Equal("/victim/pid", expected_.pid);
    // What comes before the search for a thread that has the memory is given the leader.
    check_.Equal("/victim/tid", shape_ == Shape::kLeaderGone ? expected_.pid : expected_.tid);
    if (Has(Fact::kVictimComm, {"/victim/comm"})) {
      const bool by_thread = pid_late && !expected_.thread_comm.empty() &&
                             *check_.At("/victim/comm") == Json(expected_.thread_comm);
      if (!by_thread) check_.Equal("/victim/comm", expected_.comm);
    }
    if (Has(Fact::kVictimUid, {"/victim/uid"})) check_.Equal("/victim/uid", expected_.uid);
    if (Has(Fact::kVictimScoreAdj, {"/victim/oom_score_adj"})) {
      check_.Equal("/victim/oom_score_adj", expected_.oom_score_adj);
    }
    if (Has(Fact::kVictimStart, {"/victim/start_time"})) {
      const int64_t start = BootToWall(static_cast<int64_t>(expected_.start_boot_ns));
      check_.Within("/victim/start_time", start - kStartToleranceNs, start + kStartToleranceNs);
    }
    if (Has(Fact::kVictimRss,
            {"/victim/anon_rss_bytes", "/victim/file_rss_bytes", "/victim/shmem_rss_bytes"})) {
      const uint64_t slack = SlackBytes(context_.features);
      check_.Near("/victim/anon_rss_bytes", truth_.anon_bytes, slack);
      check_.Near("/victim/file_rss_bytes", truth_.file_bytes, slack);
      check_.Near("/victim/shmem_rss_bytes", truth_.shmem_bytes, slack);
    }
    if (Has(Fact::kVictimSizes, {"/victim/page_table_bytes", "/victim/total_vm_bytes"})) {
      check_.Equal("/victim/page_table_bytes", truth_.page_table_bytes);
      check_.Equal("/victim/total_vm_bytes", truth_.total_vm_bytes);
    }
  }

  void CheckCgroup() {
    const Place& place = expected_.place;
    if (Has(Fact::kCgroupId, {"/cgroup/id"})) check_.Equal("/cgroup/id", place.cgroup.inode);
    const bool named = Has(Fact::kCgroupPath, {"/cgroup/path"});
    if (!named) {
      for (const char* proven : {"/pod", "/container", "/cgroup/unit"}) check_.Absent(proven);
      return;
    }
    const Identity& identity = place.identity;
    check_.Equal("/cgroup/path", place.cgroup.path);
    check_.Equal("/cgroup/version", context_.features.cgroup_version);
    Proven("/cgroup/unit", identity.unit);
    Proven("/pod/uid", identity.pod_uid);
    Proven("/pod/qos", identity.qos);
    Proven("/container/id", identity.container_id);
    Proven("/container/runtime", identity.runtime);
  }

  void Proven(const std::string& pointer, const std::string& value) {
    if (value.empty()) {
      check_.Absent(pointer);
    } else {
      check_.Equal(pointer, value);
    }
  }

  void CheckTrigger() {
    if (Has(Fact::kTrigger, {"/trigger/pid", "/trigger/comm"})) {
      if (expected_.trigger) {
        check_.Equal("/trigger/pid", expected_.trigger->pid);
        check_.Equal("/trigger/comm", expected_.trigger->comm);
      } else if (truth_.header) {
        check_.Equal("/trigger/pid", truth_.header->trigger_tid);
        check_.Equal("/trigger/comm", truth_.header->trigger_comm);
      }
    }
    // Without a trigger at all, that is what is named.
    if (check_.At("/trigger") == nullptr) return check_.Absent("/trigger/cgroup_path");
    if (Has(Fact::kTriggerCgroup, {"/trigger/cgroup_path"}) && expected_.trigger) {
      check_.Equal("/trigger/cgroup_path", expected_.trigger->cgroup_path);
    }
  }

  void CheckScope() {
    if (Has(Fact::kScope, {"/scope", "/scope_inferred"})) {
      const bool inferred = learnt_[Fact::kScope] == Known::kInferred;
      const bool other = inferred && !expected_.inferred_scope.empty();
      check_.Equal("/scope", other ? expected_.inferred_scope : expected_.scope);
      check_.Equal("/scope_inferred", inferred);
    }
    if (!expected_.limit) {
      // No level's limit was hit: nothing is missing where the scope says so.
      check_.Absent("/limit");
      if (check_.At("/scope") != nullptr && check_.Named("limit")) {
        check_.Fail("limit: named as missing, and there is none");
      }
      return;
    }
    if (!Has(Fact::kLimit, {"/limit/path", "/limit/bytes", "/limit/usage_bytes"})) return;
    check_.Equal("/limit/path", expected_.limit->owner.path);
    check_.Equal("/limit/bytes", expected_.limit->bytes);
    const ExpectedLimit& limit = *expected_.limit;
    if (limit.in_flight) return;
    const auto& header = truth_.header;
    check_.Near("/limit/usage_bytes",
                header && header->usage_bytes ? *header->usage_bytes
                                              : limit.usage_bytes.value_or(limit.bytes),
                SlackBytes(context_.features));
  }

  void CheckOom() {
    if (Has(Fact::kConstraint, {"/oom/constraint"})) {
      check_.Equal("/oom/constraint", expected_.constraint);
      // The allowance of the limit's owner, of which there is no swap.
      const bool allowance = expected_.limit && context_.method <= Method::kKprobe;
      if (allowance) check_.Equal("/oom/total_pages", expected_.limit->bytes / kPageBytes);
      if (Has(Fact::kOrderGfp, {"/oom/order", "/oom/gfp"})) {
        check_.Equal("/oom/order", expected_.order);
        if (truth_.header) check_.Equal("/oom/gfp", truth_.header->gfp);
      }
    } else {
      // One name for all of it.
      check_.Absent("/oom/order");
      check_.Absent("/oom/gfp");
    }
    if (Has(Fact::kGroupKill, {"/oom/group_kill"}))
      check_.Equal("/oom/group_kill", expected_.group);
  }

  void CheckAttribution() {
    const bool named = check_.At("/cgroup/path") != nullptr;
    const bool host =
        expected_.place.identity.container_id.empty() && expected_.place.identity.pod_uid.empty();
    check_.Equal("/attribution/status", !named ? "unknown" : host ? "host" : "partial");
    check_.Equal("/attribution/sources", named ? Json{"cgroup_path"} : Json::array());
    if (check_.At("/attribution/reason") == nullptr && !(named && host)) {
      check_.Fail("/attribution/reason: absent");
    }
    // Names of the pod take a runtime to ask.
    for (const char* name : {"pod.name", "pod.namespace", "container.name"}) {
      if (check_.Named(name) != (named && !host)) {
        check_.Fail(base::StrCat("attribution.missing: ", name, named && !host ? " is not" : " is",
                                 " in it"));
      }
    }
    for (const std::string& name : check_.missing()) {
      const bool of_pod = name == "pod.name" || name == "pod.namespace" || name == "container.name";
      const bool in_table = std::ranges::any_of(Facts(), [&](const FactRow& row) {
        return std::ranges::find(row.missing, name) != row.missing.end();
      });
      if (!of_pod && !in_table) check_.Fail("attribution.missing: unexpected " + name);
    }
  }

  const CheckContext& context_;
  const ExpectedKill& expected_;
  const LogKill& truth_;
  const Shape shape_;
  Learnt& learnt_;
  Checker check_;
};

}  // namespace

std::vector<std::string> CheckKill(const CheckContext& context, const ExpectedKill& expected,
                                   const LogKill& truth, const Json& event, Learnt& learnt) {
  return KillCheck(context, expected, truth, event, learnt).Run();
}

std::vector<std::string> CheckOomWithoutKill(const CheckContext& context,
                                             const ExpectedOomWithoutKill& expected,
                                             const Json& event) {
  Checker check(event);
  const Cgroup& cgroup = expected.place.cgroup;
  check.Equal("/schema", "oomtrail.v1.event");
  check.Absent("/victim");
  check.Equal("/hook/method", Name(context.method));
  check.Equal("/hook/name", "mem_cgroup_out_of_memory");
  check.Within("/time", context.began_wall_ns - kClockToleranceNs,
               context.ended_wall_ns + kClockToleranceNs);
  check.Equal("/cgroup/id", cgroup.inode);
  check.Equal("/cgroup/path", cgroup.path);
  check.Equal("/cgroup/version", context.features.cgroup_version);
  check.Equal("/trigger/pid", expected.trigger.pid);
  check.Equal("/trigger/comm", expected.trigger.comm);
  if (Knows(Fact::kTriggerCgroup, Shape::kWithContext, context.features) == Known::kExact) {
    check.Equal("/trigger/cgroup_path", expected.trigger.cgroup_path);
  }
  check.Equal("/oom/order", 0);
  if (Knows(Fact::kGroupKill, Shape::kWithContext, context.features) == Known::kExact) {
    check.Equal("/limit/path", cgroup.path);
    check.Equal("/limit/bytes", expected.limit_bytes);
    if (expected.certain) {
      check.Near("/limit/usage_bytes", expected.limit_bytes, SlackBytes(context.features));
    }
  }
  check.Equal("/pod/uid", expected.place.identity.pod_uid);
  check.Equal("/container/id", expected.place.identity.container_id);
  return check.Take();
}

}  // namespace oomtrail::scenarios
