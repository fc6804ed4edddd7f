// What the page says of warnings: how many, how they ended, and whether kills had one.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "tests/unit/publish/metrics_fixture.h"

namespace oomtrail::publish {
namespace {

using MetricsWarningsTest = MetricsTest;

std::string Warnings(std::string_view ns, std::string_view pod, std::string_view container,
                     std::string_view reason) {
  return base::StrCat("oomtrail_early_warnings_total{namespace=\"", ns, "\",pod=\"", pod,
                      "\",container=\"", container, "\",reason=\"", reason, "\"}");
}
std::string Outcomes(std::string_view outcome) {
  return base::StrCat("oomtrail_warning_outcomes_total{outcome=\"", outcome, "\"}");
}
std::string KillsWarned(std::string_view warned) {
  return base::StrCat("oomtrail_kills_warned_total{warned=\"", warned, "\"}");
}
std::string Growth(std::string_view pod) {
  return base::StrCat("oomtrail_container_memory_growth_bytes_per_second{namespace=\"shop\",pod=\"",
                      pod, "\",container=\"api\"}");
}
std::string SecondsToLimit(std::string_view pod) {
  return base::StrCat("oomtrail_container_seconds_to_limit{namespace=\"shop\",pod=\"", pod,
                      "\",container=\"api\"}");
}

Gauges::Trend Trend(const std::string& pod, std::optional<double> seconds) {
  return {
      .name = {"shop", pod, "api"}, .growth_bytes_per_second = 1024, .seconds_to_limit = seconds};
}

// An outcome as the attribute stage tells it: however often names have amended the warning before.
model::Event Ended(model::WarningOutcome outcome, uint32_t revision) {
  model::Event event = EarlyWarning(outcome);
  event.revision = revision;
  return event;
}

TEST_F(MetricsWarningsTest, EverythingBeginsAtZero) {
  for (const char* outcome : {"killed", "receded", "expired"}) {
    EXPECT_EQ(Value(Outcomes(outcome)), "0") << outcome;
  }
  for (const char* reason : {"growth", "level", "pressure"}) {
    EXPECT_EQ(Value(Warnings("", "", "", reason)), "0") << reason;
  }
  EXPECT_EQ(Value(KillsWarned("true")), "0");
  EXPECT_EQ(Value(KillsWarned("false")), "0");
  EXPECT_EQ(Value("oomtrail_warning_lead_seconds_count"), "0");
}

TEST_F(MetricsWarningsTest, AWarningIsCountedOnceByItsNamesAndReason) {
  metrics_.Count(EarlyWarning());
  metrics_.Count(EarlyWarning());
  metrics_.Count(Ended(model::WarningOutcome::kKilled, 1));
  EXPECT_EQ(Value(Warnings("shop", "cart-7d9f", "api", "growth")), "1");
  EXPECT_EQ(Value(kCartKills), "absent") << "nobody was killed";
  EXPECT_EQ(Value("oomtrail_attribution_seconds_count"), "0") << "nor was a kill named";
}

TEST_F(MetricsWarningsTest, AnOutcomeCountsOnceHoweverOftenItIsAmended) {
  metrics_.Count(EarlyWarning());
  metrics_.Count(Ended(model::WarningOutcome::kReceded, 1));
  metrics_.Count(Ended(model::WarningOutcome::kReceded, 2));
  EXPECT_EQ(Value(Outcomes("receded")), "1");
  EXPECT_EQ(Value(Outcomes("killed")), "0");
}

TEST_F(MetricsWarningsTest, AWarningWaitsForItsNamesAndIsNoKillWithoutThem) {
  model::Event partial = EarlyWarning();
  partial.attribution.status = model::AttributionStatus::kPartial;
  partial.pod.reset();
  partial.container.reset();
  metrics_.Count(partial);
  EXPECT_EQ(Value(Warnings("", "", "", "growth")), "0");
  metrics_.Count(Ended(model::WarningOutcome::kExpired, 1));
  EXPECT_EQ(Value(Warnings("shop", "cart-7d9f", "api", "growth")), "1");
  EXPECT_EQ(Value(Outcomes("expired")), "1");

  metrics_.Count(Numbered(partial, 2));
  clock_.Advance(std::chrono::seconds(35));
  metrics_.Tick();
  EXPECT_EQ(Value(Warnings("", "", "", "growth")), "1");
  EXPECT_EQ(Value(Unnamed("not_known_in_time")), "0");
}

TEST_F(MetricsWarningsTest, KillsSayWhetherTheyWereWarnedOfAndHowLongBefore) {
  metrics_.Count(Numbered(WarnedKill(), 1));  // 42.5 s before
  metrics_.Count(Numbered(WarnedKill(), 1));
  metrics_.Count(Numbered(UnwarnedKill(), 2));
  metrics_.Count(Numbered(FullKill(), 3));  // nobody looked out
  EXPECT_EQ(Value(KillsWarned("true")), "1");
  EXPECT_EQ(Value(KillsWarned("false")), "1");
  EXPECT_EQ(Value(R"(oomtrail_warning_lead_seconds_bucket{le="30"})"), "0");
  EXPECT_EQ(Value(R"(oomtrail_warning_lead_seconds_bucket{le="60"})"), "1");
  EXPECT_EQ(Value("oomtrail_warning_lead_seconds_sum"), "42.5");
}

TEST_F(MetricsWarningsTest, ALeadBeyondReasonStaysInItsRange) {
  int number = 0;
  for (const double seconds : {-5.0, 1e300, static_cast<double>(NAN)}) {
    model::Event kill = Numbered(WarnedKill(), ++number);
    kill.warned->seconds_before = seconds;
    metrics_.Count(kill);
  }
  EXPECT_EQ(Value(R"(oomtrail_warning_lead_seconds_bucket{le="1"})"), "1");
  EXPECT_EQ(Value("oomtrail_warning_lead_seconds_count"), "2");
  EXPECT_EQ(Value("oomtrail_warning_lead_seconds_sum"), "1000000");
}

TEST_F(MetricsWarningsTest, TrendsAreShownByNameAndATimeOnlyWhereThereIsOne) {
  const std::string page =
      metrics_.Render({.usage_reader = "cgroup_files",
                       .trends = {Trend("b", 42.5), Trend("a", std::nullopt), Trend("", 1)}});
  EXPECT_TRUE(base::StrContains(page, "oomtrail_usage_reader_info{reader=\"cgroup_files\"} 1\n"));
  EXPECT_TRUE(base::StrContains(page, Growth("a") + " 1024\n" + Growth("b") + " 1024\n")) << page;
  EXPECT_TRUE(base::StrContains(page, SecondsToLimit("b") + " 42.5\n"));
  EXPECT_FALSE(base::StrContains(page, SecondsToLimit("a")));
  EXPECT_FALSE(base::StrContains(page, "pod=\"\",container=\"api\"")) << "it has no name";
}

TEST_F(MetricsWarningsTest, AContainerThatIsThereTwiceIsShownOnceWithTheNearerLimit) {
  const std::string page =
      metrics_.Render({.trends = {Trend("a", 50), Trend("a", 10), Trend("a", std::nullopt)}});
  EXPECT_TRUE(base::StrContains(page, SecondsToLimit("a") + " 10\n"));
  EXPECT_EQ(page.find(Growth("a")), page.rfind(Growth("a")));
}

TEST_F(MetricsWarningsTest, OfMoreTrendsThanThereIsRoomForTheNearestAreShown) {
  const Metrics metrics(clock_, {.series = {.max_series = 4}});
  const std::string page = metrics.Render(
      {.trends = {Trend("a", std::nullopt), Trend("b", 90), Trend("c", 20), Trend("d", 30)}});
  for (const char* pod : {"c", "d"}) {
    EXPECT_TRUE(base::StrContains(page, SecondsToLimit(pod))) << pod;
  }
  for (const char* pod : {"a", "b"}) EXPECT_FALSE(base::StrContains(page, Growth(pod))) << pod;
}

TEST_F(MetricsWarningsTest, WhoLooksOutForNothingSaysSo) {
  EXPECT_TRUE(
      base::StrContains(metrics_.Render({}), "oomtrail_usage_reader_info{reader=\"none\"} 1\n"));
}

}  // namespace
}  // namespace oomtrail::publish
