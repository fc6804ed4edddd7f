// What the forecast takes for growth towards the limit, and what it does not.
#include "agent/forecast/forecaster.h"

#include <gtest/gtest.h>

#include "tests/unit/forecast/memory_feed.h"

namespace oomtrail::forecast {
namespace {

TEST(Forecaster, KnowsNothingOfOneSample) {
  MemoryFeed feed;
  EXPECT_EQ(feed.trend().confidence, 0);
  feed.Jump(900);
  EXPECT_FALSE(feed.trend().seconds_to_limit.has_value());
  EXPECT_EQ(feed.trend().growth_bytes_per_second, 0);
}

TEST(Forecaster, SeesASteadyLeakReachTheLimit) {
  MemoryFeed feed;
  feed.Jump(64);
  feed.Grow(60, 664);
  ASSERT_TRUE(feed.trend().seconds_to_limit.has_value());
  EXPECT_NEAR(*feed.trend().seconds_to_limit, 36, 1);
  EXPECT_NEAR(feed.growth_mib(), 10, 0.1);
  EXPECT_GT(feed.trend().confidence, 0.6);
}

TEST(Forecaster, SeesALeakOfHours) {
  MemoryFeed feed;
  feed.set_interval(5 * kSecond);
  feed.Jump(100);
  feed.Grow(1440, 1000);  // two hours
  EXPECT_NEAR(feed.growth_mib(), 0.125, 0.02);
  ASSERT_TRUE(feed.trend().seconds_to_limit.has_value());
  EXPECT_NEAR(*feed.trend().seconds_to_limit, 192, 30);
}

TEST(Forecaster, SeesThatADoublingLeakIsFasterThanItWas) {
  MemoryFeed feed;
  for (double mib = 32; mib < 700; mib *= 1.03) feed.Jump(static_cast<uint64_t>(mib));
  ASSERT_TRUE(feed.trend().seconds_to_limit.has_value());
  EXPECT_LT(*feed.trend().seconds_to_limit, 20);
  EXPECT_GT(feed.trend().confidence, 0.6);
}

TEST(Forecaster, SeesAHeapSlowDownBelowTheLimit) {
  MemoryFeed feed;
  double mib = 64;
  for (int second = 0; second < 300; ++second) {
    mib += (980 - mib) / 60;
    feed.Jump(static_cast<uint64_t>(mib));
    if (second < 30) continue;
    EXPECT_FALSE(feed.trend().seconds_to_limit.value_or(1e9) < 60 && feed.trend().confidence > 0.5)
        << second << " s, " << mib << " MiB";
  }
}

TEST(Forecaster, ForgetsAGrowthThatEnded) {
  MemoryFeed feed;
  feed.Jump(64);
  feed.Grow(60, 800);
  EXPECT_TRUE(feed.trend().seconds_to_limit.has_value());
  feed.Stay(120);
  EXPECT_GT(feed.trend().seconds_to_limit.value_or(1e9), 200);
}

TEST(Forecaster, TakesOneLargeAllocationForNoGrowth) {
  MemoryFeed feed;
  feed.Jump(100);
  feed.Stay(60);
  feed.Jump(800);
  for (int second = 0; second < 60; ++second) {
    feed.Stay(1);
    EXPECT_LT(feed.trend().confidence, 0.2) << second;
  }
}

TEST(Forecaster, TakesGrowthUpToAKnownPeakForNoNews) {
  MemoryFeed feed;
  feed.Jump(300);
  feed.Grow(20, 700);
  feed.Jump(300);
  feed.Grow(19, 690);
  EXPECT_EQ(feed.trend().confidence, 0);
  feed.Grow(10, 890);
  EXPECT_GT(feed.trend().confidence, 0.5);
  EXPECT_LT(feed.trend().seconds_to_limit.value_or(1e9), 15);
}

TEST(Forecaster, SeesTheFloorRiseUnderACollectorsTeeth) {
  MemoryFeed feed;
  uint64_t floor = 100;
  for (int tooth = 0; tooth < 25; ++tooth, floor += 20) {
    feed.Jump(floor);
    feed.Grow(10, floor + 300);
  }
  // 11 s a tooth, 20 MiB each; the last peak was at 880.
  EXPECT_NEAR(feed.growth_mib(), 20 / 11.0, 0.2);
  ASSERT_TRUE(feed.trend().seconds_to_limit.has_value());
  EXPECT_NEAR(*feed.trend().seconds_to_limit, 144 / 20.0 * 11, 15);
  EXPECT_GT(feed.trend().confidence, 0.6);
}

TEST(Forecaster, SeesNoGrowthInTeethThatStayWhereTheyAre) {
  MemoryFeed feed;
  for (int tooth = 0; tooth < 25; ++tooth) {
    feed.Jump(300);
    feed.Grow(10, 800);
    if (tooth <= 2) continue;
    EXPECT_LT(feed.trend().confidence, 0.2) << tooth;
    EXPECT_NEAR(feed.growth_mib(), 0, 0.1) << tooth;
  }
}

TEST(Forecaster, DoesNotCountInactivePageCache) {
  MemoryFeed feed;
  for (uint64_t cache = 0; cache <= 900; cache += 10) {
    feed.set_inactive_file_mib(cache);
    feed.Jump(100 + cache);
  }
  EXPECT_EQ(feed.forecaster().working_set_bytes(), 100 * kMiB);
  EXPECT_FALSE(feed.trend().seconds_to_limit.has_value());
}

TEST(Forecaster, DoesNotTakeCacheForGrowthWhenItIsOnceNotRead) {
  MemoryFeed feed;
  feed.set_inactive_file_mib(800);
  feed.Jump(900);
  feed.Stay(30);
  feed.set_inactive_file_mib({});
  feed.Stay(1);
  EXPECT_EQ(feed.forecaster().working_set_bytes(), 100 * kMiB);
  EXPECT_EQ(feed.trend().growth_bytes_per_second, 0);
  feed.Stay(20);
  EXPECT_EQ(feed.forecaster().working_set_bytes(), 100 * kMiB);
}

TEST(Forecaster, StartsAgainWhenCacheIsReadForTheFirstTime) {
  MemoryFeed feed;
  feed.set_inactive_file_mib({});
  feed.Jump(100);
  feed.Grow(60, 900);
  feed.set_inactive_file_mib(700);
  feed.Stay(1);
  EXPECT_EQ(feed.trend().confidence, 0);
  // … and the level it seemed to fall from is not taken for one that it can be at.
  feed.set_inactive_file_mib(0);
  feed.Jump(200);
  feed.Grow(50, 800);
  EXPECT_GT(feed.trend().confidence, 0.5);
}

TEST(Forecaster, ReckonsWithTheLimitOfTheNewestSample) {
  MemoryFeed feed;
  feed.Jump(64);
  feed.Grow(60, 664);
  feed.set_limit_mib(2048);
  feed.Grow(1, 674);
  EXPECT_NEAR(feed.trend().seconds_to_limit.value_or(0), 137, 3);
  feed.set_limit_mib({});
  feed.Grow(1, 684);
  EXPECT_FALSE(feed.trend().seconds_to_limit.has_value());
  EXPECT_NEAR(feed.growth_mib(), 10, 0.5);
}

TEST(Forecaster, IsAtTheLimitWhenTheLimitFellBelowTheUsage) {
  MemoryFeed feed;
  feed.Jump(64);
  feed.Grow(60, 664);
  feed.set_limit_mib(512);
  feed.Grow(1, 674);
  EXPECT_EQ(feed.trend().seconds_to_limit, 0);
}

TEST(Forecaster, KnowsNoCeilingFromAKill) {
  MemoryFeed feed;
  feed.Jump(100);
  feed.Grow(60, 950);
  feed.forecaster().Killed();
  EXPECT_EQ(feed.trend().confidence, 0);
  feed.Jump(100);
  feed.Grow(60, 800);
  EXPECT_GT(feed.trend().confidence, 0.7);
}

TEST(Forecaster, IgnoresASampleFromThePast) {
  MemoryFeed feed;
  feed.Jump(64);
  feed.Grow(60, 664);
  const model::Trend before = feed.trend();
  MemorySample old = feed.Sample();
  old.usage_bytes = 0;
  feed.forecaster().Add(old);
  EXPECT_EQ(feed.trend().seconds_to_limit, before.seconds_to_limit);
  EXPECT_EQ(feed.forecaster().working_set_bytes(), 664 * kMiB);
}

TEST(Forecaster, SaysNothingOfWhatHappenedWhileItDidNotLook) {
  MemoryFeed feed;
  feed.Jump(64);
  feed.Stay(30);
  feed.Wait(3600);
  feed.Jump(900);
  EXPECT_FALSE(feed.trend().seconds_to_limit.has_value());
  feed.Stay(30);
  EXPECT_FALSE(feed.trend().seconds_to_limit.has_value());
}

TEST(Forecaster, ShrinksWhileMemoryIsGivenBack) {
  MemoryFeed feed;
  feed.Jump(800);
  feed.Grow(20, 600);
  EXPECT_LT(feed.growth_mib(), -5);
  EXPECT_FALSE(feed.trend().seconds_to_limit.has_value());
}

TEST(Forecaster, BearsAbsurdNumbers) {
  Forecaster forecaster;
  uint64_t ns = 1;
  for (int i = 0; i < 200; ++i, ns = ns * 5 / 4 + 1) {
    forecaster.Add({.boot_ns = ns,
                    .usage_bytes = i % 3 == 0 ? UINT64_MAX : static_cast<uint64_t>(i),
                    .limit_bytes = i % 5 == 0 ? 0 : UINT64_MAX,
                    .inactive_file_bytes = i % 7 == 0 ? UINT64_MAX : 0});
    EXPECT_GE(forecaster.trend().confidence, 0);
    EXPECT_LE(forecaster.trend().confidence, 1);
    EXPECT_GE(forecaster.trend().seconds_to_limit.value_or(0), 0);
  }
}

}  // namespace
}  // namespace oomtrail::forecast
