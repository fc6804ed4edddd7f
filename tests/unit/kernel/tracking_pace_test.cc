#include "agent/kernel/tracking_pace.h"

#include <gtest/gtest.h>

#include "agent/kernel/allocation_tracker.h"

namespace oomtrail::kernel {
namespace {

constexpr double kBudget = 1000;

TEST(AdaptRateTest, HoldsStillWhereTheBudgetIsMet) {
  EXPECT_EQ(AdaptRate(1000, 1, kBudget, 64), 64U);
  EXPECT_EQ(AdaptRate(500, 0.5, kBudget, 64), 64U);
}

TEST(AdaptRateTest, GoesUpAtOnceAsFarAsNeeded) {
  EXPECT_EQ(AdaptRate(50'000, 1, kBudget, 64), 3200U);
}

TEST(AdaptRateTest, GoesDownByNoMoreThanHalf) {
  EXPECT_EQ(AdaptRate(900, 1, kBudget, 1000), 900U);
  EXPECT_EQ(AdaptRate(10, 1, kBudget, 1000), 500U);
  EXPECT_EQ(AdaptRate(0, 1, kBudget, 1000), 500U);
}

TEST(AdaptRateTest, NeverLeavesItsBounds) {
  EXPECT_EQ(AdaptRate(0, 1, kBudget, 1), 1U);
  EXPECT_EQ(AdaptRate(UINT64_MAX, 0.001, 1, TrackingOptions::kMaxOneIn),
            TrackingOptions::kMaxOneIn);
}

TEST(AdaptRateTest, LearnsNothingFromNoTimeOrWithoutABudget) {
  EXPECT_EQ(AdaptRate(5000, 0, kBudget, 64), 64U);
  EXPECT_EQ(AdaptRate(5000, 1, 0, 64), 64U);
}

TEST(AdaptRateTest, SettlesOnTheBudgetFromEitherSide) {
  constexpr double kEventsPerSecond = 3'000'000;
  for (uint32_t one_in : {1U, TrackingOptions::kMaxOneIn}) {
    for (int second = 0; second < 20; ++second) {
      const auto recorded = static_cast<uint64_t>(kEventsPerSecond / one_in);
      one_in = AdaptRate(recorded, 1, kBudget, one_in);
    }
    EXPECT_NEAR(kEventsPerSecond / one_in, kBudget, kBudget / 100);
  }
}

TEST(PlanWatchTest, WatchesAlwaysWhereEventsAreFew) {
  EXPECT_TRUE(PlanWatch(0).always());
  EXPECT_TRUE(PlanWatch(20'000).always());
  EXPECT_EQ(PlanWatch(20'000).share(), 1);
}

TEST(PlanWatchTest, WatchesSoLongThatTheEventsStayAffordable) {
  for (const double events : {100'000.0, 1'000'000.0, 5'000'000.0, 20'000'000.0}) {
    const WatchPlan plan = PlanWatch(events);
    EXPECT_FALSE(plan.always());
    EXPECT_LE(events * plan.share(), 51'000) << events;
    EXPECT_GT(plan.open, 0.003) << events;
    EXPECT_LE(plan.period, 2) << events;
  }
}

TEST(PlanWatchTest, KeepsAWindowThatIsWorthTheAttaching) {
  const WatchPlan plan = PlanWatch(1e12);
  EXPECT_GT(plan.open, 0.003);
  EXPECT_LE(plan.period, 2);
}

}  // namespace
}  // namespace oomtrail::kernel
