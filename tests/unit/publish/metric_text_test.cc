// The exposition format, byte by byte, and labels that hostile names cannot leave.
#include "agent/publish/metric_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "tests/unit/publish/metrics_fixture.h"

namespace oomtrail::publish {
namespace {

using HostileNameTest = MetricsTest;

TEST(MetricTextTest, AFamilyIsHelpTypeAndSamples) {
  std::string page;
  MetricText text(page);
  text.Family("things_total", MetricText::Type::kCounter, "Things.");
  text.Sample({{"kind", "small"}, {"colour", ""}}, 1U);
  text.Sample({}, std::numeric_limits<uint64_t>::max());
  text.Family("warmth", MetricText::Type::kGauge, "How warm.");
  text.Sample({}, 0.1);
  text.Sample({}, 1'795'239'667.123);
  text.Sample({}, 0.0);
  text.Sample({}, 1e-9);
  text.Sample({}, std::numeric_limits<double>::max());
  text.Sample({}, -std::numeric_limits<double>::min());
  text.Sample({}, std::numeric_limits<double>::infinity());
  text.Sample({}, -std::numeric_limits<double>::infinity());
  text.Sample({}, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(page,
            "# HELP things_total Things.\n"
            "# TYPE things_total counter\n"
            "things_total{kind=\"small\",colour=\"\"} 1\n"
            "things_total 18446744073709551615\n"
            "# HELP warmth How warm.\n"
            "# TYPE warmth gauge\n"
            "warmth 0.1\n"
            "warmth 1795239667.123\n"
            "warmth 0\n"
            "warmth 1e-09\n"
            "warmth 1.7976931348623157e+308\n"
            "warmth -2.2250738585072014e-308\n"
            "warmth +Inf\n"
            "warmth -Inf\n"
            "warmth NaN\n");
}

TEST(MetricTextTest, AHistogramCumulatesItsBuckets) {
  std::string page;
  MetricText text(page);
  text.Family("took_seconds", MetricText::Type::kHistogram, "How long.");
  const double bounds[] = {.0005, 1, 30};
  const uint64_t counts[] = {2, 0, 3, 1};
  text.Histogram(bounds, counts, 4.5);
  EXPECT_EQ(page,
            "# HELP took_seconds How long.\n"
            "# TYPE took_seconds histogram\n"
            "took_seconds_bucket{le=\"0.0005\"} 2\n"
            "took_seconds_bucket{le=\"1\"} 2\n"
            "took_seconds_bucket{le=\"30\"} 5\n"
            "took_seconds_bucket{le=\"+Inf\"} 6\n"
            "took_seconds_sum 4.5\n"
            "took_seconds_count 6\n");
}

TEST(MetricTextTest, ThreeCharactersAreEscapedInALabel) {
  std::string page;
  MetricText(page).Sample({{"name", "\\a\"b\nc\\"}}, 1U);
  EXPECT_EQ(page, "{name=\"\\\\a\\\"b\\nc\\\\\"} 1\n");
}

TEST(LabelValueTest, IsPrintableAndCutWhereACharacterEnds) {
  EXPECT_EQ(LabelValue("cart-7d9f"), "cart-7d9f");
  EXPECT_EQ(LabelValue("a\nb\x1b\xff"), R"(a\x0ab\x1b\xff)");
  EXPECT_EQ(LabelValue(std::string(253, 'x')), std::string(253, 'x'));
  EXPECT_EQ(LabelValue(std::string(300, 'x')), std::string(253, 'x'));
  EXPECT_EQ(LabelValue(std::string(252, 'x') + "\u00fc"), std::string(252, 'x'));
  EXPECT_EQ(LabelValue(std::string(251, 'x') + "\u00fcy"), std::string(251, 'x') + "\u00fc");
  EXPECT_EQ(LabelValue(std::string(250, 'x') + "\U0001f4a5"), std::string(250, 'x'));
}

TEST(LabelValueTest, WhateverTheNameTheValueIsOne) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  constexpr std::string_view kPieces[] = {"\n", "\\", "\\x0a", "\"",     "\xff",       "\u202e",
                                          "\t", "x",  "\xc3",  "\u00fc", "\U0001f4a5", "\xf0\x9f"};
  for (int round = 0; round < 2'000; ++round) {
    std::string name;
    for (auto piece = random() % 200; piece > 0; --piece) {
      name += kPieces[random() % std::size(kPieces)];
    }
    const std::string value = LabelValue(name);
    ASSERT_LE(value.size(), kMaxLabelBytes);
    ASSERT_TRUE(IsLabelValue(value)) << value;
    ASSERT_EQ(value.find_first_of("\n\t"), std::string::npos) << value;
  }
}

TEST(LabelValueTest, WhatIsNoneIsSeen) {
  EXPECT_TRUE(IsLabelValue(""));
  EXPECT_TRUE(IsLabelValue(R"(\x0a and \ and \x5cx0a)"));
  EXPECT_FALSE(IsLabelValue("\n"));
  EXPECT_FALSE(IsLabelValue("\xc3"));
  EXPECT_FALSE(IsLabelValue("\u202e"));
  EXPECT_FALSE(IsLabelValue(std::string(254, 'x')));
}

TEST_F(HostileNameTest, ANameCannotLeaveItsLabel) {
  metrics_.Count(
      Of(FullKill(), "shop\"} 1\noomtrail_oom_kills_total{namespace=\"bank", "a\\", "\x1b[2J"));
  EXPECT_EQ(Value(Kills(R"(shop\"} 1\\x0aoomtrail_oom_kills_total{namespace=\"bank)", R"(a\\)",
                        R"(\\x1b[2J)", "container")),
            "1");
  EXPECT_EQ(AllKills(metrics_), 1U);
}

TEST_F(HostileNameTest, NamesThatDifferOnlyBehindTheCutAreOneSeries) {
  const std::string name(253, 'x');
  metrics_.Count(Of(Numbered(FullKill(), 1), "shop", name + "1", "api"));
  metrics_.Count(Of(Numbered(FullKill(), 2), "shop", name + "2", "api"));
  metrics_.SetContainers({{"shop", name + "3", "api"}});
  EXPECT_EQ(Value(Kills("shop", name, "api", "container")), "2");
}

TEST_F(HostileNameTest, NoUidNorContainerIdIsEverALabel) {
  for (const Sample& sample : oomtrail::publish::Samples()) metrics_.Count(sample.event);
  clock_.Advance(std::chrono::seconds(35));
  metrics_.Tick();
  const std::string page = metrics_.Render({});
  EXPECT_FALSE(base::StrContains(page, kSamplePodUid));
  EXPECT_FALSE(base::StrContains(page, kSampleContainerId.substr(0, 12)));
  EXPECT_FALSE(base::StrContains(page, kSampleStaticPodHash));
  EXPECT_FALSE(base::StrContains(page, "4312"));
}

}  // namespace
}  // namespace oomtrail::publish
