// Counters over a restart: nothing lost, nothing counted twice, nothing believed that is damaged.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/unit/publish/metrics_fixture.h"

namespace oomtrail::publish {
namespace {

using MetricsRestoreTest = MetricsTest;

// Between its first line and a checksum that is right.
std::string Saved(std::string_view lines, std::string_view first = "oomtrail-metrics\t1\n") {
  std::string text = base::StrCat(first, lines);
  const std::string checksum = absl::StrFormat("%016x", Fingerprint(text));
  return base::StrCat(text, "end\t", checksum, "\n");
}

std::vector<model::Event> ADay() {
  return {FullKill(),
          HostKill(),
          UnknownKill(),
          Numbered(PodLimitGroupKill(), 3),
          NoKill(),
          Lost(),
          EarlyWarning(),
          EarlyWarning(model::WarningOutcome::kKilled),
          PressureWarning(),
          Numbered(WarnedKill(), 5),
          Numbered(UnwarnedKill(), 6),
          Of(Numbered(FullKill(), 4), "a\tb", "new\nline\\", "\xff\u202e\"")};
}

TEST_F(MetricsRestoreTest, ThePageIsTheSameAfterARestart) {
  for (const model::Event& event : ADay()) metrics_.Count(event);
  Metrics after(clock_, WithSources());
  ASSERT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
  EXPECT_EQ(Samples(after), Samples(metrics_));
  EXPECT_EQ(after.Save(), metrics_.Save());
}

TEST_F(MetricsRestoreTest, NothingAtAllCanBeSaved) {
  Metrics after(clock_, WithSources());
  ASSERT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
  EXPECT_EQ(Samples(after), Samples(metrics_));
}

TEST_F(MetricsRestoreTest, ZerosAreNotSaved) {
  metrics_.SetContainers({{"shop", "db-0", "postgres"}});
  EXPECT_FALSE(base::StrContains(metrics_.Save(), "db-0"));
}

TEST_F(MetricsRestoreTest, EventsThatComeAgainAreNotCountedAgain) {
  for (const model::Event& event : ADay()) metrics_.Count(event);
  Metrics after(clock_, WithSources());
  ASSERT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
  for (const model::Event& event : ADay()) after.CountFromJournal(event);
  EXPECT_EQ(Samples(after), Samples(metrics_));
  model::Event member = Numbered(FullKill(), 5);
  member.incident_id = FullKill().incident_id;
  after.CountFromJournal(member);
  EXPECT_EQ(Value(after, R"(oomtrail_oom_incidents_total{scope="container"})"),
            Value(R"(oomtrail_oom_incidents_total{scope="container"})"))
      << "an incident goes on over a restart";
}

TEST_F(MetricsRestoreTest, AKillThatWaitsGoesOnWaiting) {
  metrics_.Count(PartialKill());
  clock_.Advance(std::chrono::seconds(30));
  Metrics named(clock_, WithSources());
  Metrics unnamed(clock_, WithSources());
  ASSERT_EQ(named.Restore(metrics_.Save()), absl::OkStatus());
  ASSERT_EQ(unnamed.Restore(metrics_.Save()), absl::OkStatus());
  named.CountFromJournal(FullKill(1));
  EXPECT_EQ(Value(named, kCartKills), "1");
  EXPECT_EQ(AllKills(named), 1U);
  clock_.Advance(std::chrono::seconds(35));
  unnamed.Tick();
  EXPECT_EQ(Value(unnamed, kNamelessKills), "1");
  EXPECT_EQ(Value(unnamed, Unnamed("not_known_in_time")), "1");
}

TEST_F(MetricsRestoreTest, ARestoredContainerHasItsHour) {
  metrics_.Count(FullKill());
  Metrics after(clock_, WithSources());
  ASSERT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
  clock_.Advance(std::chrono::minutes(59));
  after.Tick();
  EXPECT_EQ(Value(after, kCartKills), "1");
  clock_.Advance(std::chrono::minutes(1));
  after.Tick();
  EXPECT_EQ(Value(after, kCartKills), "absent");
}

TEST_F(MetricsRestoreTest, WhatFitsNoMoreIsCountedUnderEmptyNames) {
  metrics_.Count(FullKill());
  metrics_.Count(Of(Numbered(FullKill(), 2), "shop", "db-0", "postgres"));
  Metrics after(clock_, {.has_sources = true, .series = {.max_series = 1}});
  ASSERT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
  EXPECT_EQ(AllKills(after), 2U);
  EXPECT_EQ(Value(after, "oomtrail_series_dropped_total"), "1");
}

// Random events with random restarts in between, against one that never stops.
TEST_F(MetricsRestoreTest, RestartsAtAnyMomentChangeNothing) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  const auto pick = [&](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };
  for (int round = 0; round < 50; ++round) {
    fakes::FakeClock clock;
    Metrics steady(clock, WithSources());
    auto restarted = std::make_unique<Metrics>(clock, WithSources());
    std::string saved = restarted->Save();
    std::vector<model::Event> since_saved;
    for (int step = 0; step < 60; ++step) {
      const int number = pick(40);
      const model::Event events[] = {FullKill(), PartialKill(), FullKill(1), UnknownKill(),
                                     NoKill()};
      model::Event event = Numbered(events[pick(5)], number);
      if (event.pod) event = Of(event, "shop", base::StrCat("cart-", number % 7), "api");
      event.boot_ns = clock.BootNanos();
      steady.Count(event);
      restarted->Count(event);
      since_saved.push_back(event);
      if (pick(4) == 0) {
        saved = restarted->Save();
        since_saved.clear();
      }
      if (pick(8) == 0) {
        restarted = std::make_unique<Metrics>(clock, WithSources());
        ASSERT_EQ(restarted->Restore(saved), absl::OkStatus());
        for (const model::Event& again : since_saved) restarted->Count(again);
      }
    }
    clock.Advance(std::chrono::seconds(35));
    steady.Tick();
    restarted->Tick();
    ASSERT_EQ(Samples(*restarted), Samples(steady)) << "round " << round;
  }
}

TEST_F(MetricsRestoreTest, HalfAFileOrAFlippedBitIsNotBelieved) {
  for (const model::Event& event : ADay()) metrics_.Count(event);
  metrics_.Count(Numbered(PartialKill(), 7));
  const std::string saved = metrics_.Save();
  Metrics after(clock_, WithSources());
  after.Count(FullKill());
  const auto before = after.Save();
  for (size_t i = 0; i < saved.size(); ++i) {
    ASSERT_EQ(after.Restore(std::string_view(saved).substr(0, i)).code(),
              absl::StatusCode::kDataLoss)
        << "cut at " << i;
    std::string flipped = saved;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    ASSERT_EQ(after.Restore(flipped).code(), absl::StatusCode::kDataLoss) << "flipped at " << i;
  }
  EXPECT_EQ(after.Save(), before) << "and nothing of it is kept";
}

TEST_F(MetricsRestoreTest, ALineThatMakesNoSenseIsRefusedThoughTheChecksumIsRight) {
  const std::string id = "\t0123456789abcdef";
  const std::string long_label(254, 'x');
  const struct {
    std::string_view name;
    std::string lines;
  } rows[] = {
      {"an empty line", "\n"},
      {"a word nobody wrote", "kills\t1\n"},
      {"no end of line", "refused\t1"},
      {"too few fields", "series\tshop\tcart\tapi\tcontainer\n"},
      {"too many fields", "refused\t1\t2\n"},
      {"a great many fields", "refused" + std::string(100, '\t') + "\n"},
      {"no number", "refused\tmany\n"},
      {"a negative number", "refused\t-1\n"},
      {"a zero, which nobody writes", "series\tshop\tcart\tapi\tnode\t0\n"},
      {"a number beyond all", "refused\t99999999999999999999\n"},
      {"no scope", "series\tshop\tcart\tapi\tgalaxy\t1\n"},
      {"a label too long", "series\tshop\t" + long_label + "\tapi\tnode\t1\n"},
      {"a control character", "series\tshop\tca\rrt\tapi\tnode\t1\n"},
      {"not UTF-8", "series\tshop\tca\xff\tapi\tnode\t1\n"},
      {"no reason", "unattributed\tbad_luck\t1\n"},
      {"no such incidents", "incidents\twithout_kill\t1\n"},
      {"no such bucket", "attribution\t12\t1\n"},
      {"no such warnings", "warnings\tforgotten\t1\n"},
      {"a warning that ended twice", "ended" + id + "\nended" + id + "\n"},
      {"a stage too long", "lost\t" + long_label + "\t1\n"},
      {"a short id", "seen\t123\n"},
      {"an id that is not hex", "seen\t0123456789abcdeg\n"},
      {"an id twice", "seen" + id + "\nseen" + id + "\n"},
      {"held twice", "held" + id + "\t\t\t\tnode\t1\nheld" + id + "\t\t\t\tnode\t1\n"},
      {"held under no label", "held" + id + "\t\x01\t\t\tnode\t1\n"},
  };
  for (const auto& row : rows) {
    Metrics after(clock_, WithSources());
    const auto before = Samples(after);
    EXPECT_EQ(after.Restore(Saved(row.lines)).code(), absl::StatusCode::kDataLoss) << row.name;
    EXPECT_EQ(Samples(after), before) << row.name;
  }
}

TEST_F(MetricsRestoreTest, AnErrorSaysWhereAndQuotesNothing) {
  EXPECT_EQ(metrics_.Restore(Saved("refused\t1\nsecret\t1\n")).message(),
            "saved metrics: line 3 makes no sense");
  EXPECT_EQ(metrics_.Restore(Saved("", "oomtrail-metrics\t2\n")).message(),
            "saved metrics: not of a version known here");
  EXPECT_EQ(metrics_.Restore("").message(), "saved metrics: too short");
  EXPECT_EQ(metrics_.Restore(std::string((16 << 20) + 1, 'x')).message(),
            "saved metrics: larger than the bound of 16777216 bytes");
}

TEST_F(MetricsRestoreTest, ACountAtTheEndOfItsRangeStaysThere) {
  ASSERT_EQ(
      metrics_.Restore(Saved("series\tshop\tcart-7d9f\tapi\twithout_kill\t18446744073709551615\n"
                             "lost\tkill_ring_full\t18446744073709551615\n")),
      absl::OkStatus());
  model::Event endless = NoKill();
  endless.suppressed = UINT64_MAX;
  metrics_.Count(endless);
  metrics_.Count(Lost());
  EXPECT_TRUE(base::StrContains(metrics_.Save(), "\twithout_kill\t18446744073709551615\n"));
  EXPECT_EQ(Value(R"(oomtrail_events_lost_total{stage="kill_ring_full"})"), "18446744073709551615");
  Metrics after(clock_, WithSources());
  EXPECT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
}

TEST_F(MetricsRestoreTest, AFileThatClaimsAWorldOfThingsIsBounded) {
  std::string lines;
  for (int i = 0; i < 20'000; ++i) {
    base::StrAppend(&lines, "series\tshop\tcart-", i, "\tapi\tnode\t1\n");
  }
  for (int i = 0; i < 1'000; ++i) base::StrAppend(&lines, "lost\tstage-", i, "\t1\n");
  for (int i = 0; i < 5'000; ++i) {
    const std::string id = absl::StrFormat("%016x", i);
    base::StrAppend(&lines, "held\t", id, "\t\t\t\tpod\t1\nseen\t", id, "\n");
  }
  ASSERT_EQ(metrics_.Restore(Saved(lines)), absl::OkStatus());
  const auto samples = Samples(metrics_);
  EXPECT_LT(samples.size(), 10'200U);
  EXPECT_EQ(samples.at(Kills("", "", "", "node")), "10000");
  EXPECT_EQ(samples.at(R"(oomtrail_events_lost_total{stage="other"})"), "937");
  EXPECT_EQ(samples.at(Kills("", "", "", "pod")), "3976") << "all but the 1,024 that may wait";
  EXPECT_LT(metrics_.Save().size(), 1'000'000U);
  Metrics after(clock_, WithSources());
  ASSERT_EQ(after.Restore(metrics_.Save()), absl::OkStatus());
  EXPECT_EQ(Samples(after), samples);
}

}  // namespace
}  // namespace oomtrail::publish
