// The one JSON form. docs/events.schema.json says the same in general (event_schema_test.py).
#include "agent/publish/event_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/publish/event_invariants.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Json Parsed(const model::Event& event) { return Json::parse(ToJson(event)); }

std::vector<std::string> Names(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

TEST(EventJsonTest, AFullEventSaysEverythingInThisOrder) {
  const Json expected = Json::parse(R"({
    "schema": "oomtrail.v1.event",
    "id": "3f6c1a52-4312-30ea43af67a14",
    "revision": 0,
    "time": "2026-11-21T05:41:07.123456789Z",
    "boot_time_ns": 864123456789012,
    "node": "worker-3",
    "incident_id": "3f6c1a52-i2a",
    "cursor": "worker-3/5f2c9e1b7a3d8046/1842",
    "kind": "oom_kill",
    "victim": {
      "pid": 4312,
      "tid": 4312,
      "comm": "java",
      "uid": 1000,
      "oom_score_adj": 984,
      "start_time": "2026-11-21T04:41:07.123456789Z",
      "anon_rss_bytes": 515899392,
      "file_rss_bytes": 6504448,
      "shmem_rss_bytes": 0,
      "page_table_bytes": 1294336,
      "total_vm_bytes": 3221225472
    },
    "trigger": {"pid": 4312, "comm": "java", "cgroup_path": "CONTAINER"},
    "cgroup": {"id": 24871, "path": "CONTAINER", "version": 2},
    "scope": "container",
    "scope_inferred": false,
    "limit": {"path": "CONTAINER", "bytes": 536870912, "usage_bytes": 536870912},
    "oom": {
      "constraint": "memcg",
      "order": 0,
      "gfp": 3264,
      "total_pages": 131072,
      "group_kill": false
    },
    "attribution": {
      "status": "full",
      "sources": ["cgroup_path", "cri", "kubelet"],
      "missing": []
    },
    "pod": {
      "namespace": "shop",
      "name": "cart-7d9f",
      "uid": "0c9d7c1e-6f0a-4b57-9a57-3a1f0f6f2b11",
      "qos": "burstable",
      "host_network": false,
      "labels": {"app": "cart", "app.kubernetes.io/part-of": "shop", "canary": ""},
      "workload": {"kind": "Deployment", "name": "cart", "inferred": true}
    },
    "container": {
      "name": "api",
      "id": "5d0e3c9a7b1f4e62a8c4d97f10b36e5528ab0c6f9de1437bb2f5a6081c3d7e94",
      "image": "registry.example.com/shop/cart:1.4.2",
      "restart_count": 3,
      "kind": "app",
      "memory_limit_bytes": 536870912,
      "memory_request_bytes": 268435456,
      "runtime": "containerd"
    },
    "hook": {"name": "__oom_kill_process", "method": "fentry"}
  })");
  std::string line = expected.dump();
  const std::string mark = "CONTAINER";
  for (size_t at = line.find(mark); at != std::string::npos; at = line.find(mark)) {
    line.replace(at, mark.size(), SampleContainerPath());
  }
  EXPECT_EQ(ToJson(FullKill()), line);
}

TEST(EventJsonTest, WhatIsNotKnownIsAbsentAndNeverZeroOrEmpty) {
  EXPECT_EQ(ToJson(UnknownKill()),
            R"({"schema":"oomtrail.v1.event","id":"3f6c1a52-977-t311ea6baf1a14","revision":0,)"
            R"("time":"2026-11-21T05:41:07.123456789Z","boot_time_ns":864123456789012,)"
            R"("incident_id":"3f6c1a52-i311ea6baf1a14","kind":"oom_kill",)"
            R"("victim":{"pid":977,"comm":"python3"},"attribution":{"status":"unknown",)"
            R"("sources":[],"missing":["cgroup.path","victim.anon_rss_bytes",)"
            R"("victim.start_time","trigger","scope","limit","oom","oom.group_kill"],)"
            R"("reason":"the victim's cgroup could not be read"},)"
            R"("hook":{"name":"kmsg","method":"kmsg"}})");
}

TEST(EventJsonTest, AZeroThatIsKnownIsSaid) {
  model::Event event = FullKill();
  event.victim->uid = 0;
  event.victim->oom_score_adj = 0;
  event.limit->usage_bytes = 0;
  event.container->restart_count = 0;
  const Json json = Parsed(event);
  EXPECT_EQ(json["victim"]["uid"], 0);
  EXPECT_EQ(json["victim"]["oom_score_adj"], 0);
  EXPECT_EQ(json["victim"]["shmem_rss_bytes"], 0);
  EXPECT_EQ(json["limit"]["usage_bytes"], 0);
  EXPECT_EQ(json["container"]["restart_count"], 0);
}

TEST(EventJsonTest, ObjectsWithNothingInThemAreAbsent) {
  model::Event event = UnknownKill();
  event.limit = model::Limit{};
  event.pod = model::PodFacts{};
  event.container = model::ContainerFacts{.runtime = model::Runtime::kContainerd};
  const Json json = Parsed(event);
  for (const char* name : {"limit", "pod", "container", "cgroup", "trigger", "oom", "lost"}) {
    EXPECT_FALSE(json.contains(name)) << name;
  }
}

TEST(EventJsonTest, AWorkloadIsNamedInFullOrAbsent) {
  model::Event event = FullKill();
  event.pod->workload = model::Workload{.kind = "Deployment"};
  EXPECT_FALSE(Parsed(event)["pod"].contains("workload"));
  event.pod->workload = model::Workload{.name = "cart"};
  EXPECT_FALSE(Parsed(event)["pod"].contains("workload"));
}

TEST(EventJsonTest, APartialEventSaysWhatThePathProves) {
  const Json json = Parsed(PartialKill());
  EXPECT_EQ(json["pod"], Json::parse(R"({"uid":"0c9d7c1e-6f0a-4b57-9a57-3a1f0f6f2b11",
                                         "qos":"burstable"})"));
  EXPECT_EQ(json["container"]["id"], kSampleContainerId);
  EXPECT_EQ(json["container"]["runtime"], "containerd");
  EXPECT_FALSE(json["container"].contains("name"));
  EXPECT_EQ(json["attribution"]["status"], "partial");
  EXPECT_EQ(json["attribution"]["reason"], "no name source knows this container");
}

TEST(EventJsonTest, AnAmendmentHasTheSameIdAndAHigherRevision) {
  const Json first = Parsed(PartialKill());
  const Json amendment = Parsed(FullKill(1));
  EXPECT_EQ(first["revision"], 0);
  EXPECT_EQ(amendment["revision"], 1);
  for (const char* name : {"id", "time", "incident_id", "kind", "victim"}) {
    EXPECT_EQ(amendment[name], first[name]) << name;
  }
}

TEST(EventJsonTest, AHostProcessHasItsUnitAndNoPod) {
  const Json json = Parsed(HostKill());
  EXPECT_EQ(json["cgroup"]["unit"], "rsyslog.service");
  EXPECT_EQ(json["scope"], "host");
  EXPECT_EQ(json["attribution"]["status"], "host");
  EXPECT_FALSE(json.contains("pod"));
  EXPECT_FALSE(json.contains("container"));
}

TEST(EventJsonTest, AQosClassWithoutAPodIsNoPod) {
  model::Event event = PartialKill();
  event.identity = {.level = model::Level::kQos, .qos = model::Qos::kBurstable};
  EXPECT_FALSE(Parsed(event).contains("pod"));
}

TEST(EventJsonTest, AStaticPodIsKnownByItsHashUntilItIsNamed) {
  EXPECT_EQ(Parsed(StaticPodKill())["pod"]["uid"], kSampleStaticPodHash);
  model::Event named = StaticPodKill();
  named.pod = model::PodFacts{.name = "etcd-worker-3", .ns = "kube-system"};
  EXPECT_FALSE(Parsed(named)["pod"].contains("uid")) << "the hash is not the API server's uid";
  EXPECT_EQ(Parsed(named)["pod"]["config_hash"], kSampleStaticPodHash);
  EXPECT_FALSE(Parsed(FullKill())["pod"].contains("config_hash"));
}

TEST(EventJsonTest, AGlobalOomHasAScopeAndNoLimit) {
  const Json json = Parsed(NodeKill(model::Scope::kNode, model::Constraint::kNone, 2));
  EXPECT_EQ(json["scope"], "node");
  EXPECT_EQ(json["oom"]["constraint"], "none");
  EXPECT_EQ(json["oom"]["order"], 2);
  EXPECT_FALSE(json.contains("limit"));
  EXPECT_EQ(Parsed(NodeKill(model::Scope::kManual, model::Constraint::kNone, -1))["oom"]["order"],
            -1);
}

TEST(EventJsonTest, AGroupKillIsSaidWithoutTheContextOfTheOom) {
  const Json json = Parsed(PodLimitGroupKill());
  EXPECT_EQ(json["oom"], Json::parse(R"({"group_kill":true})"));
  EXPECT_EQ(json["scope_inferred"], true);
}

TEST(EventJsonTest, AnOomWithoutAKillHasNoVictim) {
  const Json json = Parsed(NoKill());
  EXPECT_EQ(json["kind"], "oom_without_kill");
  EXPECT_FALSE(json.contains("victim"));
  EXPECT_EQ(json["suppressed"], 17);
  EXPECT_FALSE(Parsed(FullKill()).contains("suppressed"));
}

TEST(EventJsonTest, ALossSaysWhereAndHowManyAndNothingElse) {
  EXPECT_EQ(ToJson(Lost()),
            R"({"schema":"oomtrail.v1.event","id":"3f6c1a52-l311ea6baf1a14-kill_ring_full",)"
            R"("revision":0,"time":"2026-11-21T05:41:07.123456789Z",)"
            R"("boot_time_ns":864123456789012,"node":"worker-3","kind":"lost",)"
            R"("lost":{"stage":"kill_ring_full","count":3}})");
}

TEST(EventJsonTest, AWarningSaysWhatIsForeseenAndNothingOfAKill) {
  const Json json = Parsed(EarlyWarning());
  EXPECT_EQ(json["kind"], "early_warning");
  EXPECT_EQ(json["warning"].dump(),
            R"({"reason":"growth","confidence":0.93,"growth_bytes_per_second":1258291,)"
            R"("seconds_to_limit":42.25,"working_set_bytes":503316480})");
  for (const char* name : {"victim", "trigger", "oom", "hook", "incident_id", "warned"}) {
    EXPECT_FALSE(json.contains(name)) << name;
  }
}

TEST(EventJsonTest, TheOutcomeOfAWarningAmendsIt) {
  const Json json = Parsed(EarlyWarning(model::WarningOutcome::kKilled));
  EXPECT_EQ(json["id"], EarlyWarning().id);
  EXPECT_EQ(json["revision"], 1);
  EXPECT_EQ(json["warning"]["outcome"], "killed");
  EXPECT_EQ(json["warning"]["outcome_seconds"].dump(), "61");
}

TEST(EventJsonTest, AKillSaysWhetherItWasWarnedOf) {
  EXPECT_EQ(Parsed(WarnedKill())["warned"].dump(),
            R"({"warned":true,"id":"3f6c1a52-w311ea6baf1a14-24871","seconds_before":42.5})");
  EXPECT_EQ(Parsed(UnwarnedKill())["warned"].dump(), R"({"warned":false})");
  EXPECT_FALSE(Parsed(FullKill()).contains("warned"));
}

TEST(EventJsonTest, AFractionIsRoundedAndWhatIsNoNumberIsAbsent) {
  model::Event event = EarlyWarning();
  event.warning->trend = {
      .growth_bytes_per_second = -0.4, .seconds_to_limit = 0.0004, .confidence = NAN};
  event.warning->stalled_share = 1.0 / 3;
  EXPECT_EQ(Parsed(event)["warning"].dump(),
            R"({"reason":"growth","growth_bytes_per_second":0,"seconds_to_limit":0,)"
            R"("working_set_bytes":503316480,"stalled_share":0.3333})");
}

TEST(EventJsonTest, TheLargestNumbersStayWhole) {
  model::Event event = FullKill();
  event.boot_ns = UINT64_MAX;
  event.limit->bytes = UINT64_MAX;
  EXPECT_THAT(ToJson(event), AllOf(HasSubstr(R"("boot_time_ns":18446744073709551615)"),
                                   HasSubstr(R"("bytes":18446744073709551615)")));
}

struct Hostile {
  std::string_view name;
  std::string_view bytes;
  std::string_view in_json;  // between the quotes
};

void PrintTo(const Hostile& row, std::ostream* out) { *out << row.name; }

class EventJsonHostileNameTest : public ::testing::TestWithParam<Hostile> {};

TEST_P(EventJsonHostileNameTest, IsEscapedAndComesBack) {
  const std::string bytes(GetParam().bytes);
  model::Event event = FullKill();
  event.victim->comm = bytes;
  event.pod->labels = {{bytes, bytes}};
  event.node = event.cgroup_path = event.container->image = event.pod->workload->name = bytes;
  const std::string line = ToJson(event);
  const std::string quoted = "\"" + std::string(GetParam().in_json) + "\"";
  EXPECT_THAT(line, AllOf(HasSubstr("\"comm\":" + quoted), HasSubstr("{" + quoted + ":" + quoted),
                          HasSubstr("\"node\":" + quoted), HasSubstr("\"path\":" + quoted),
                          HasSubstr("\"image\":" + quoted), HasSubstr("\"name\":" + quoted)));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_EQ(Unescape(Json::parse(line)["victim"]["comm"].get<std::string>()), bytes);
}

constexpr Hostile kHostile[] = {
    {"Newline", "java\nOOM-KILL", R"(java\\x0aOOM-KILL)"},
    {"Escape", "\x1b[2J", R"(\\x1b[2J)"},
    {"Nul", std::string_view("a\0b", 3), R"(a\\x00b)"},
    {"NotUtf8", "a\xff\xc3", R"(a\\xff\\xc3)"},
    {"Quote", R"(","kind":"lost)", R"(\",\"kind\":\"lost)"},
    {"BackslashAtTheEnd", R"(a\)", R"(a\\)"},
    {"EscapeAsText", R"(\x1b[2J)", R"(\\x5cx1b[2J)"},
    {"SystemdEscape", R"(dev-disk\x2dby)", R"(dev-disk\\x2dby)"},
    {"LineSeparator", "a\u2028b", R"(a\\xe2\\x80\\xa8b)"},
    {"RightToLeftOverride", "\u202egpj", R"(\\xe2\\x80\\xaegpj)"},
    {"OtherText", "gr\u00fc\u00df \U0001f433", "gr\u00fc\u00df \U0001f433"},
};
INSTANTIATE_TEST_SUITE_P(Rows, EventJsonHostileNameTest, ::testing::ValuesIn(kHostile),
                         [](const auto& row) { return std::string(row.param.name); });

// Whatever one event lacks, two events never show a field in different places.
TEST(EventJsonTest, FieldsKeepTheirOrder) {
  const std::vector<std::string> order = {
      "schema",     "id",      "revision",    "time",    "boot_time_ns", "node",  "incident_id",
      "cursor",     "kind",    "victim",      "trigger", "cgroup",       "scope", "scope_inferred",
      "limit",      "oom",     "attribution", "pod",     "container",    "hook",  "lost",
      "suppressed", "warning", "warned"};
  for (const Sample& sample : Samples()) {
    size_t at = 0;
    for (const std::string& name : Names(Parsed(sample.event))) {
      while (at < order.size() && order[at] != name) ++at;
      EXPECT_LT(at, order.size()) << sample.name << ": " << name << " is out of order";
    }
  }
}

TEST(EventJsonTest, TheSameEventGivesTheSameLine) {
  for (const Sample& sample : Samples()) {
    EXPECT_EQ(ToJson(sample.event), ToJson(sample.event)) << sample.name;
  }
}

}  // namespace
}  // namespace oomtrail::publish
