// What is counted when, and under which names.
#include "agent/publish/metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/publish/metrics_fixture.h"

namespace oomtrail::publish {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kIncidents = R"(oomtrail_oom_incidents_total{scope="container"})";

struct Row {
  std::string_view name;
  std::vector<model::Event> events;
  std::map<std::string, std::string> samples;  // once all were counted
};

TEST_F(MetricsTest, EventsAreCountedWhereTheirNamesSay) {
  const Row rows[] = {
      {"a full kill", {FullKill()}, {{kCartKills, "1"}, {std::string(kIncidents), "1"}}},
      {"the pod's limit",
       {PodLimitGroupKill()},
       {{Kills("shop", "cart-7d9f", "api", "pod"), "1"}, {kCartKills, "absent"}}},
      {"an ancestor's limit",
       {AncestorLimitKill()},
       {{Kills("shop", "cart-7d9f", "api", "ancestor"), "1"}}},
      {"the node",
       {NodeKill(model::Scope::kNode, model::Constraint::kNone, 0)},
       {{Kills("shop", "cart-7d9f", "api", "node"), "1"},
        {R"(oomtrail_oom_incidents_total{scope="node"})", "1"}}},
      {"a cpuset",
       {NodeKill(model::Scope::kCpuset, model::Constraint::kCpuset, 0)},
       {{Kills("shop", "cart-7d9f", "api", "cpuset"), "1"}}},
      {"sysrq",
       {NodeKill(model::Scope::kManual, model::Constraint::kNone, -1)},
       {{Kills("shop", "cart-7d9f", "api", "manual"), "1"}}},
      {"a process of the host",
       {HostKill()},
       {{Kills("", "", "", "host"), "1"}, {Unnamed("no_cgroup"), "0"}}},
      {"a victim without a cgroup",
       {UnknownKill()},
       {{Kills("", "", "", "unknown"), "1"}, {Unnamed("no_cgroup"), "1"}}},
      {"names still to come", {PartialKill()}, {{kNamelessKills, "0"}, {kCartKills, "absent"}}},
      {"names that came", {PartialKill(), FullKill(1)}, {{kCartKills, "1"}, {kNamelessKills, "0"}}},
      {"an amendment of what was full", {FullKill(), FullKill(1)}, {{kCartKills, "1"}}},
      {"an amendment alone", {FullKill(1)}, {{kCartKills, "absent"}}},
      {"the same kill twice", {FullKill(), FullKill()}, {{kCartKills, "1"}}},
      {"the same kill twice, then named",
       {PartialKill(), PartialKill(), FullKill(1), FullKill(1)},
       {{kCartKills, "1"}, {kNamelessKills, "0"}}},
      {"no kill",
       {NoKill()},
       {{R"(oomtrail_ooms_without_kill_total{namespace="shop",pod="cart-7d9f",container="api"})",
         "18"},
        {kCartKills, "absent"},
        {std::string(kIncidents), "0"}}},
      {"losses",
       {Lost(), Numbered(Lost(), 2)},
       {{R"(oomtrail_events_lost_total{stage="kill_ring_full"})", "6"}}},
      {"a loss told twice",
       {Lost(), Lost()},
       {{R"(oomtrail_events_lost_total{stage="kill_ring_full"})", "3"}}},
      {"nothing",
       {},
       {{R"(oomtrail_events_lost_total{stage="kill_ring_full"})", "0"},
        {Unnamed("no_source"), "0"},
        {Unnamed("too_many_waiting"), "0"},
        {Kills("", "", "", "host"), "0"},
        {"oomtrail_series_dropped_total", "0"}}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Metrics metrics(clock_, WithSources());
    for (const model::Event& event : row.events) metrics.Count(event);
    for (const auto& [sample, value] : row.samples) {
      EXPECT_EQ(Value(metrics, sample), value) << sample;
    }
  }
}

TEST_F(MetricsTest, AGroupKillIsOneIncident) {
  for (int i = 0; i < 5; ++i) {
    model::Event kill = Numbered(FullKill(), i);
    kill.incident_id = "group";
    metrics_.Count(kill);
  }
  EXPECT_EQ(Value(kCartKills), "5");
  EXPECT_EQ(Value(kIncidents), "1");
}

TEST_F(MetricsTest, AKillThatNobodyNamesIsCountedUnderNoNameWhenItsTimeIsUp) {
  metrics_.Count(PartialKill());
  clock_.Advance(seconds(35) - milliseconds(1));
  metrics_.Tick();
  EXPECT_EQ(Value(kNamelessKills), "0");
  clock_.Advance(milliseconds(1));
  metrics_.Tick();
  EXPECT_EQ(Value(kNamelessKills), "1");
  EXPECT_EQ(Value(Unnamed("not_known_in_time")), "1");
  // Too late: counted is counted.
  metrics_.Count(FullKill(1));
  EXPECT_EQ(AllKills(metrics_), 1U);
}

TEST_F(MetricsTest, WhatIsKnownOfThePodIsKeptWhenTheContainerStaysUnknown) {
  metrics_.Count(PartialKill());
  model::Event pod_only = FullKill(1);
  pod_only.attribution.status = model::AttributionStatus::kPartial;
  pod_only.container.reset();
  metrics_.Count(pod_only);
  EXPECT_EQ(AllKills(metrics_), 0U);
  clock_.Advance(seconds(35));
  metrics_.Tick();
  EXPECT_EQ(Value(Kills("shop", "cart-7d9f", "", "container")), "1");
  EXPECT_EQ(Value(Unnamed("not_known_in_time")), "1");
}

TEST_F(MetricsTest, WhereNobodyHasNamesNothingWaits) {
  Metrics metrics(clock_, {.has_sources = false});
  metrics.Count(PartialKill());
  EXPECT_EQ(Value(metrics, kNamelessKills), "1");
  EXPECT_EQ(Value(metrics, Unnamed("no_source")), "1");
  metrics.ExpectNames();
  metrics.Count(Numbered(PartialKill(), 2));
  EXPECT_EQ(Value(metrics, kNamelessKills), "1") << "from now on a name may come";
}

TEST_F(MetricsTest, OfTooManyThatWaitTheOldestIsCountedAsItIs) {
  for (int i = 0; i < 1025; ++i) metrics_.Count(Numbered(PartialKill(), i));
  EXPECT_EQ(Value(kNamelessKills), "1");
  EXPECT_EQ(Value(Unnamed("too_many_waiting")), "1");
  // All but the first can still be named.
  for (int i = 0; i < 1025; ++i) metrics_.Count(Numbered(FullKill(1), i));
  EXPECT_EQ(Value(kCartKills), "1024");
  EXPECT_EQ(AllKills(metrics_), 1025U);
}

TEST_F(MetricsTest, AnOomWithoutAKillWaitsForNamesToo) {
  model::Event partial = NoKill();
  partial.attribution.status = model::AttributionStatus::kPartial;
  partial.pod.reset();
  partial.container.reset();
  metrics_.Count(partial);
  model::Event named = NoKill();
  named.revision = 1;
  metrics_.Count(named);
  EXPECT_EQ(
      Value(
          R"(oomtrail_ooms_without_kill_total{namespace="shop",pod="cart-7d9f",container="api"})"),
      "18");
  // One that nobody names is no kill without a name.
  metrics_.Count(Numbered(partial, 2));
  clock_.Advance(seconds(35));
  metrics_.Tick();
  EXPECT_EQ(Value(R"(oomtrail_ooms_without_kill_total{namespace="",pod="",container=""})"), "18");
  EXPECT_EQ(Value(Unnamed("not_known_in_time")), "0");
}

TEST_F(MetricsTest, TheTimeUntilAllNamesAreKnownIsMeasuredOnce) {
  model::Event at_once = Numbered(FullKill(), 1);
  at_once.boot_ns = clock_.BootNanos();
  clock_.Advance(milliseconds(1));  // the bound itself belongs to its bucket
  metrics_.Count(at_once);
  model::Event late = Numbered(PartialKill(), 2);
  late.boot_ns = clock_.BootNanos();
  metrics_.Count(late);
  clock_.Advance(milliseconds(2'500));
  model::Event amendment = Numbered(FullKill(1), 2);
  amendment.boot_ns = late.boot_ns;
  metrics_.Count(amendment);
  metrics_.Count(amendment);
  const auto samples = Samples(metrics_);
  const auto bucket = [&](std::string_view bound) {
    return samples.at(base::StrCat("oomtrail_attribution_seconds_bucket{le=\"", bound, "\"}"));
  };
  EXPECT_EQ(bucket("0.0005"), "0");
  EXPECT_EQ(bucket("0.001"), "1");
  EXPECT_EQ(bucket("1"), "1");
  EXPECT_EQ(bucket("5"), "2");
  EXPECT_EQ(bucket("+Inf"), "2");
  EXPECT_EQ(samples.at("oomtrail_attribution_seconds_count"), "2");
  EXPECT_EQ(samples.at("oomtrail_attribution_seconds_sum"), "2.501");
}

TEST_F(MetricsTest, AnEventFromTheFutureTookNoTime) {
  model::Event event = FullKill();
  event.boot_ns = clock_.BootNanos() + 1;
  metrics_.Count(event);
  EXPECT_EQ(Value(R"(oomtrail_attribution_seconds_bucket{le="0.0005"})"), "1");
}

TEST_F(MetricsTest, OnesFromTheJournalSayNothingOfTimes) {
  metrics_.CountFromJournal(FullKill());
  EXPECT_EQ(Value(kCartKills), "1");
  EXPECT_EQ(Value("oomtrail_attribution_seconds_count"), "0");
}

TEST_F(MetricsTest, GaugesSayWhatTheCallerSays) {
  const std::string page = metrics_.Render(
      {.version = "1.2.3",
       .start_time_seconds = 1'795'239'667.25,
       .hooks = {{"victim", "fentry"}, {"context", ""}},
       .name_sources = {{"kubelet", false}, {"cri", true}},
       .subscribers = 3,
       .containers = 42,
       .journal = Gauges::Journal{.events = 7, .bytes = 8192, .unwritten_events = 1}});
  for (const std::string_view line : {
           R"(oomtrail_build_info{version="1.2.3"} 1)",
           R"(oomtrail_hook_info{hook="victim",method="fentry"} 1)",
           R"(oomtrail_hook_info{hook="context",method="none"} 1)",
           R"(oomtrail_name_source_up{source="cri"} 1)",
           R"(oomtrail_name_source_up{source="kubelet"} 0)",
           "oomtrail_subscribers 3",
           "oomtrail_containers 42",
           "oomtrail_journal_events 7",
           "oomtrail_journal_bytes 8192",
           "oomtrail_journal_unwritten_events 1",
           "oomtrail_start_time_seconds 1795239667.25",
       }) {
    EXPECT_TRUE(base::StrContains(page, base::StrCat("\n", line, "\n"))) << line << "\n" << page;
  }
}

TEST_F(MetricsTest, WithoutAJournalNothingIsSaidOfIt) {
  EXPECT_FALSE(base::StrContains(metrics_.Render({}), "oomtrail_journal"));
}

TEST_F(MetricsTest, TheSameCountsAreTheSamePage) {
  Metrics other(clock_, WithSources(), "/nowhere");
  Metrics metrics(clock_, WithSources(), "/nowhere");
  for (int i = 0; i < 20; ++i) {
    const int j = 19 - i;
    metrics.Count(Of(Numbered(FullKill(), i), "shop", base::StrCat("cart-", i), "api"));
    other.Count(Of(Numbered(FullKill(), j), "shop", base::StrCat("cart-", j), "api"));
  }
  EXPECT_EQ(metrics.Render({}), other.Render({}));
}

// What ThreadSanitizer looks at; without it, that nothing is lost.
TEST_F(MetricsTest, CountingAndScrapingAtOnceLosesNothing) {
  constexpr int kKills = 2'000;
  std::thread pipeline([this] {
    for (int i = 0; i < kKills; ++i) {
      metrics_.Count(Of(Numbered(FullKill(), i), "shop", base::StrCat("cart-", i % 10), "api"));
      if (i % 100 == 0) metrics_.SetContainers({{"shop", "cart-0", "api"}});
      metrics_.Tick();
    }
  });
  uint64_t last = 0;
  for (int scrape = 0; scrape < 50; ++scrape) {
    const uint64_t now = AllKills(metrics_);
    EXPECT_GE(now, last) << "a counter went back";
    last = now;
    EXPECT_FALSE(metrics_.Save().empty());
  }
  pipeline.join();
  EXPECT_EQ(AllKills(metrics_), uint64_t{kKills});
}

}  // namespace
}  // namespace oomtrail::publish
