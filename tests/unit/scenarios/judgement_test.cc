// Proves the proving ground: an event in order passes, and no damage to it goes unnoticed.
#include "tests/scenarios/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/strings.h"
#include "tests/scenarios/clocks.h"

namespace oomtrail::scenarios {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Pointer = Json::json_pointer;

constexpr uint64_t kMiB = 1 << 20;
constexpr int64_t kSecond = 1'000'000'000;
constexpr pid_t kPid = 4312;
constexpr pid_t kSentinel = 4400;

// One kill of one container, as the scenario, the kernel and an agent by `method` tell it.
class JudgementTest : public testing::Test {
 protected:
  JudgementTest() {
    features_.mark_victim_task = features_.snprintf = features_.current_btf = true;
    features_.rdonly_cast = features_.rss_direct = features_.perf_link = true;
    const Cgroup cgroup{.path = "/top/kubepods/burstable/pod1/c1", .directory = "", .inode = 77};
    ExpectedKill kill;
    kill.pid = kill.tid = kPid;
    kill.comm = "java";
    kill.uid = 1000;
    kill.oom_score_adj = 900;
    kill.start_boot_ns = 5 * kSecond;
    kill.place = {.cgroup = cgroup,
                  .identity = {.pod_uid = "p1", .qos = "burstable", .container_id = "c1"}};
    kill.trigger = {.pid = kPid, .comm = "java", .cgroup_path = cgroup.path};
    kill.limit = {.owner = cgroup, .bytes = 8 * kMiB};
    happened_.outcome.kills = {kill};
    happened_.sentinel = kSentinel;
    happened_.began_wall_ns = BootToWall(9 * kSecond);
    happened_.ended_wall_ns = BootToWall(11 * kSecond);
    truth_.tid = kPid;
    truth_.comm = "java";
    truth_.total_vm_bytes = 64 * kMiB;
    truth_.anon_bytes = 7 * kMiB;
    truth_.file_bytes = 3 * kMiB;
    truth_.shmem_bytes = 2 * kMiB;
    truth_.page_table_bytes = 81'920;
    truth_.uid = 1000;
    truth_.header = LogHeader{.gfp = 3264, .constraint = "memcg", .usage_bytes = 8 * kMiB};
    happened_.truth = [this](pid_t tid) { return tid == kPid ? &truth_ : nullptr; };
    happened_.is_ours = [](const Json&) { return true; };
  }

  // What an agent by fentry says, all of it in order.
  Json Event() const {
    const std::string path = happened_.outcome.kills[0].place.cgroup.path;
    return {{"schema", "oomtrail.v1.event"},
            {"id", "b-1"},
            {"revision", 0},
            {"time", FormatUtc(BootToWall(10 * kSecond))},
            {"boot_time_ns", 10 * kSecond},
            {"node", kNodeName},
            {"incident_id", "b-i1"},
            {"kind", "oom_kill"},
            {"victim",
             {{"pid", kPid},
              {"tid", kPid},
              {"comm", "java"},
              {"uid", 1000},
              {"oom_score_adj", 900},
              {"start_time", FormatUtc(BootToWall(5 * kSecond))},
              {"anon_rss_bytes", 7 * kMiB},
              {"file_rss_bytes", 3 * kMiB},
              {"shmem_rss_bytes", 2 * kMiB},
              {"page_table_bytes", 81'920},
              {"total_vm_bytes", 64 * kMiB}}},
            {"trigger", {{"pid", kPid}, {"comm", "java"}, {"cgroup_path", path}}},
            {"cgroup", {{"id", 77}, {"path", path}, {"version", 2}}},
            {"scope", "container"},
            {"scope_inferred", false},
            {"limit", {{"path", path}, {"bytes", 8 * kMiB}, {"usage_bytes", 8 * kMiB}}},
            {"oom",
             {{"constraint", "memcg"},
              {"order", 0},
              {"gfp", 3264},
              {"total_pages", 2048},
              {"group_kill", false}}},
            {"attribution",
             {{"status", "partial"},
              {"sources", {"cgroup_path"}},
              {"missing", {"pod.name", "pod.namespace", "container.name"}},
              {"reason", "nobody was asked"}}},
            {"pod", {{"uid", "p1"}, {"qos", "burstable"}}},
            {"container", {{"id", "c1"}}},
            {"hook", {{"name", "__oom_kill_process"}, {"method", "fentry"}}}};
  }

  // The same by the kernel log without its header, read too late to ask /proc.
  static Json LogEvent(Json event) {
    for (const char* absent :
         {"cgroup", "trigger", "scope", "scope_inferred", "limit", "pod", "container"}) {
      event.erase(absent);
    }
    event["victim"].erase("start_time");
    event["oom"] = {{"constraint", "memcg"}};
    event["attribution"] = {{"status", "unknown"},
                            {"sources", Json::array()},
                            {"missing",
                             {"cgroup.path", "cgroup.id", "victim.start_time", "trigger", "scope",
                              "limit", "oom.order", "oom.gfp", "oom.group_kill"}},
                            {"reason", "its cgroup is gone"}};
    event["hook"] = {{"name", "kmsg"}, {"method", "kmsg"}};
    return event;
  }

  std::vector<std::string> Failures(const std::vector<Json>& events,
                                    Method method = Method::kFentry) {
    std::set<std::string> ids;
    Judgement judgement(method, features_, happened_, ids);
    for (const Json& event : events) judgement.Hear(event);
    return judgement.Conclude().failures;
  }

  // The pointers of all values in `event`.
  static std::vector<std::string> Leaves(const Json& event) {
    const Json flat = event.flatten();
    std::vector<std::string> leaves;
    for (const auto& [pointer, value] : flat.items()) leaves.push_back(pointer);
    return leaves;
  }

  Features features_;
  Happened happened_;
  LogKill truth_;
};

TEST_F(JudgementTest, AnEventInOrderPasses) { EXPECT_THAT(Failures({Event()}), IsEmpty()); }

TEST_F(JudgementTest, NoFieldGoesMissingUnnoticed) {
  for (const std::string& leaf : Leaves(Event())) {
    Json event = Event();
    const Pointer at(leaf);
    Json& parent = event[at.parent_pointer()];
    if (parent.is_array()) {
      parent.erase(std::stoul(at.back()));
    } else {
      parent.erase(at.back());
    }
    EXPECT_THAT(Failures({event}), Not(IsEmpty())) << leaf;
  }
}

TEST_F(JudgementTest, NoFieldIsWrongUnnoticed) {
  // The reason is in words.
  const std::set<std::string> free = {"/attribution/reason", "/id", "/incident_id"};
  for (const std::string& leaf : Leaves(Event())) {
    if (free.contains(leaf)) continue;
    Json event = Event();
    Json& value = event[Pointer(leaf)];
    if (value.is_string()) {
      value = value.get<std::string>() + "x";
    } else if (value.is_boolean()) {
      value = !value.get<bool>();
    } else {
      value = value.get<int64_t>() + static_cast<int64_t>(16 * kMiB);
    }
    EXPECT_THAT(Failures({event}), Not(IsEmpty())) << leaf;
  }
}

TEST_F(JudgementTest, WhatIsKnownMustNotBeCalledMissing) {
  for (const FactRow& row : Facts()) {
    for (const std::string_view name : row.missing) {
      Json event = Event();
      event["attribution"]["missing"].push_back(std::string(name));
      EXPECT_THAT(Failures({event}), Contains(HasSubstr(std::string(name)))) << name;
    }
  }
}

TEST_F(JudgementTest, TheLogAloneIsEnoughForKmsg) {
  truth_.header.reset();
  EXPECT_THAT(Failures({LogEvent(Event())}, Method::kKmsg), IsEmpty());
}

TEST_F(JudgementTest, NothingUnknownGoesUnnamed) {
  truth_.header.reset();
  const Json event = LogEvent(Event());
  for (size_t i = 0; i < event["attribution"]["missing"].size(); ++i) {
    Json damaged = event;
    damaged["attribution"]["missing"].erase(i);
    EXPECT_THAT(Failures({damaged}, Method::kKmsg), Contains(HasSubstr("missing")));
  }
}

TEST_F(JudgementTest, NothingUnknowableIsClaimed) {
  truth_.header.reset();
  for (const char* claim : {"/cgroup/id", "/trigger/pid", "/trigger/comm", "/scope", "/limit/bytes",
                            "/oom/order", "/oom/group_kill", "/victim/start_time"}) {
    Json event = LogEvent(Event());
    event[Pointer(claim)] = Event()[Pointer(claim)];
    EXPECT_THAT(Failures({event}, Method::kKmsg), Not(IsEmpty())) << claim;
  }
}

TEST_F(JudgementTest, AMissedKillIsTold) {
  EXPECT_THAT(Failures({}), ElementsAre("no event for java (4312)"));
}

TEST_F(JudgementTest, ASecondEventIsTold) {
  Json again = Event();
  again["id"] = "b-2";
  EXPECT_THAT(Failures({Event(), again}), Contains("a second event for the same kill"));
}

TEST_F(JudgementTest, AnIdThatComesTwiceIsTold) {
  std::set<std::string> ids = {"b-1"};
  Judgement judgement(Method::kFentry, features_, happened_, ids);
  judgement.Hear(Event());
  EXPECT_THAT(judgement.Conclude().failures, Contains("/id: b-1 is not unique"));
}

TEST_F(JudgementTest, ANeighbourThatWasNotKilledIsTold) {
  Json other = Event();
  other["id"] = "b-2";
  other["victim"]["pid"] = other["victim"]["tid"] = kPid + 1;
  EXPECT_THAT(Failures({Event(), other}), Contains("an event for a process that was not killed"));
  happened_.is_ours = [](const Json&) { return false; };
  EXPECT_THAT(Failures({Event(), other}), IsEmpty());
}

TEST_F(JudgementTest, TheSentinelIsExpectedOnce) {
  Json sentinel = Event();
  sentinel["victim"]["pid"] = sentinel["victim"]["tid"] = kSentinel;
  sentinel["id"] = "b-2";
  EXPECT_THAT(Failures({Event(), sentinel}), IsEmpty());
  Json again = sentinel;
  again["id"] = "b-3";
  EXPECT_THAT(Failures({Event(), sentinel, again}), Contains("a second event for the sentinel"));
}

TEST_F(JudgementTest, LostEventsAreTold) {
  EXPECT_THAT(Failures({Event(), {{"kind", "lost"}, {"id", "b-l"}}}),
              Contains("/kind: unexpected lost"));
}

TEST_F(JudgementTest, OneOomIsOneIncident) {
  ExpectedKill member = happened_.outcome.kills[0];
  member.pid = member.tid = kPid + 1;
  member.group_member = true;
  member.own_trigger = false;
  happened_.outcome.kills.push_back(member);
  happened_.truth = [this](pid_t) { return &truth_; };
  Json second = Event();
  second["id"] = "b-2";
  second["victim"]["pid"] = second["victim"]["tid"] = kPid + 1;
  EXPECT_THAT(Failures({Event(), second}), IsEmpty());
  second["incident_id"] = "b-i2";
  EXPECT_THAT(Failures({Event(), second}),
              ElementsAre(AllOf(HasSubstr("b-i1"), HasSubstr("are one OOM"))));
  happened_.outcome.kills[1].incident = 1;
  EXPECT_THAT(Failures({Event(), second}), IsEmpty());
  second["incident_id"] = "b-i1";
  EXPECT_THAT(Failures({Event(), second}), ElementsAre(HasSubstr("joins two OOMs")));
}

TEST_F(JudgementTest, AnOomWithoutAKillIsForThoseWhoCanHearIt) {
  Json event = Event();
  const ExpectedKill kill = happened_.outcome.kills[0];
  happened_.outcome.kills.clear();
  happened_.outcome.ooms_without_kill = {
      {.place = kill.place, .limit_bytes = 8 * kMiB, .trigger = *kill.trigger}};
  event["kind"] = "oom_without_kill";
  event.erase("victim");
  event["hook"]["name"] = "mem_cgroup_out_of_memory";
  EXPECT_THAT(Failures({event}), IsEmpty());
  EXPECT_THAT(Failures({}), ElementsAre(HasSubstr("no event for the OOM without a kill")));
  EXPECT_THAT(Failures({}, Method::kTpBtf), IsEmpty());
  event["hook"]["method"] = "tp_btf";
  EXPECT_THAT(Failures({event}, Method::kTpBtf), Contains(HasSubstr("cannot see")));
}

}  // namespace
}  // namespace oomtrail::scenarios
