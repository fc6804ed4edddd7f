// When a warning begins, how long it stands, and how it ends.
#include "agent/forecast/alarm.h"

#include <gtest/gtest.h>

namespace oomtrail::forecast {
namespace {

using model::Warning;
using model::WarningOutcome;
using model::WarningReason;

class AlarmTest : public ::testing::Test {
 protected:
  // A second later.
  std::optional<Warning> Step(double level, std::optional<double> seconds_to_limit,
                              double confidence = 0.9) {
    now_ns_ += 1'000'000'000;
    return alarm_.Step({.boot_ns = now_ns_,
                        .trend = {.growth_bytes_per_second = 1000,
                                  .seconds_to_limit = seconds_to_limit,
                                  .confidence = confidence},
                        .working_set_bytes = static_cast<uint64_t>(level * 1e9),
                        .limit_bytes = limit_bytes_,
                        .stalled_share = stalled_share_},
                       rule_);
  }

  // What the first of `seconds` equal steps says that says anything.
  std::optional<Warning> Steps(int seconds, double level, std::optional<double> seconds_to_limit,
                               double confidence = 0.9) {
    for (int i = 0; i < seconds; ++i) {
      if (auto said = Step(level, seconds_to_limit, confidence)) return said;
    }
    return std::nullopt;
  }

  Alarm alarm_;
  WarnRule rule_;
  uint64_t now_ns_ = 50'000'000'000;
  uint64_t limit_bytes_ = 1'000'000'000;
  std::optional<double> stalled_share_;
};

TEST_F(AlarmTest, HasNothingToEndBeforeItWarned) {
  EXPECT_FALSE(alarm_.standing());
  EXPECT_FALSE(alarm_.Killed(1).has_value());
  EXPECT_FALSE(alarm_.Ended(1).has_value());
}

TEST_F(AlarmTest, WarnsOnceOfGrowthWhenTheLimitIsNear) {
  EXPECT_FALSE(Step(0.5, 61));
  const auto warning = Step(0.6, 59);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->reason, WarningReason::kGrowth);
  EXPECT_EQ(warning->working_set_bytes, 600'000'000);
  EXPECT_EQ(warning->trend.seconds_to_limit, 59);
  EXPECT_FALSE(warning->outcome);
  EXPECT_FALSE(warning->outcome_seconds);
  EXPECT_TRUE(alarm_.standing());
  EXPECT_FALSE(Steps(30, 0.7, 40));
}

TEST_F(AlarmTest, DoesNotWarnOfAnUnlikelyGrowth) { EXPECT_FALSE(Steps(60, 0.8, 10, 0.4)); }

TEST_F(AlarmTest, WarnsOfALevelThatStillRises) {
  EXPECT_FALSE(Step(0.94, 400));
  const auto warning = Step(0.95, 400);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->reason, WarningReason::kLevel);
}

TEST_F(AlarmTest, DoesNotWarnOfALevelThatStays) { EXPECT_FALSE(Steps(600, 0.97, {}, 0)); }

TEST_F(AlarmTest, WarnsOfPressureThatLasts) {
  stalled_share_ = 0.3;
  EXPECT_FALSE(Step(0.95, {}));
  EXPECT_FALSE(Step(0.5, {}));
  const auto warning = Steps(5, 0.95, {});
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->reason, WarningReason::kPressure);
  EXPECT_EQ(warning->stalled_share, 0.3);
}

TEST_F(AlarmTest, DoesNotWarnOfPressureFarFromTheLimit) {
  stalled_share_ = 0.9;
  EXPECT_FALSE(Steps(60, 0.5, {}));
}

TEST_F(AlarmTest, TellsTheKillAndHowLongBeforeItWarned) {
  ASSERT_TRUE(Step(0.6, 59));
  const auto warning = alarm_.Killed(now_ns_ + 42'000'000'000);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->outcome, WarningOutcome::kKilled);
  EXPECT_EQ(warning->outcome_seconds, 42);
  EXPECT_EQ(warning->trend.seconds_to_limit, 59);
  EXPECT_FALSE(alarm_.standing());
}

TEST_F(AlarmTest, WarnsAgainOfTheSameLevelAfterAKill) {
  ASSERT_TRUE(Step(0.6, 59));
  ASSERT_TRUE(alarm_.Killed(now_ns_));
  EXPECT_TRUE(Step(0.6, 59));
}

TEST_F(AlarmTest, TellsTheEndOfTheContainer) {
  ASSERT_TRUE(Step(0.6, 59));
  const auto warning = alarm_.Ended(now_ns_ + 1);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->outcome, WarningOutcome::kExpired);
}

TEST_F(AlarmTest, TellsThatAKillBeforeTheWarningsSampleCameAtOnce) {
  ASSERT_TRUE(Step(0.6, 59));
  EXPECT_EQ(alarm_.Killed(now_ns_ - 5)->outcome_seconds, 0);
}

TEST_F(AlarmTest, RecedesWhenTheGrowthHasEndedForAWhile) {
  ASSERT_TRUE(Step(0.6, 59));
  EXPECT_FALSE(Steps(15, 0.6, {}, 0));
  const auto warning = Steps(15, 0.6, {}, 0);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->outcome, WarningOutcome::kReceded);
  EXPECT_EQ(warning->working_set_bytes, 600'000'000);
  EXPECT_FALSE(alarm_.standing());
}

TEST_F(AlarmTest, StandsThroughShortPauses) {
  ASSERT_TRUE(Step(0.6, 59));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Steps(15, 0.7, {}, 0));
    EXPECT_FALSE(Step(0.7, 100));
  }
}

TEST_F(AlarmTest, IsNotToldTwiceOfTheSameLevel) {
  ASSERT_TRUE(Step(0.6, 59));
  ASSERT_TRUE(Steps(60, 0.6, {}, 0));
  EXPECT_FALSE(Steps(60, 0.6, 50));
  EXPECT_TRUE(Step(0.62, 50));
}

TEST_F(AlarmTest, IsToldOfALevelAgainAfterLong) {
  ASSERT_TRUE(Step(0.6, 59));
  ASSERT_TRUE(Steps(60, 0.6, {}, 0));
  EXPECT_FALSE(Steps(500, 0.6, {}, 0));
  EXPECT_TRUE(Steps(200, 0.6, 50));
}

TEST_F(AlarmTest, ExpiresWhenNothingHappensForAnHour) {
  ASSERT_TRUE(Step(0.6, 59));
  const auto warning = Steps(3700, 0.6, 59);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->outcome, WarningOutcome::kExpired);
  EXPECT_EQ(warning->outcome_seconds, 3600);
}

TEST_F(AlarmTest, RecedesWhenTheRuleIsSwitchedOff) {
  ASSERT_TRUE(Step(0.6, 59));
  rule_.on = false;
  const auto warning = Steps(60, 0.7, 30);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->outcome, WarningOutcome::kReceded);
}

TEST_F(AlarmTest, FollowsItsRule) {
  rule_ = {.on = true, .seconds = 0, .percent = 80};
  EXPECT_FALSE(Step(0.79, 5));
  EXPECT_EQ(Step(0.8, 5)->reason, WarningReason::kLevel);
  ASSERT_TRUE(alarm_.Killed(now_ns_));
  rule_ = {.on = true, .seconds = 0, .percent = 100};
  EXPECT_FALSE(Step(1, 0));
  rule_ = {.on = true, .seconds = 600, .percent = 100};
  EXPECT_TRUE(Step(0.5, 599));
}

TEST_F(AlarmTest, SaysNothingWithoutALimit) {
  limit_bytes_ = 0;
  stalled_share_ = 1;
  EXPECT_FALSE(Steps(60, 0.9, 1));
}

}  // namespace
}  // namespace oomtrail::forecast
