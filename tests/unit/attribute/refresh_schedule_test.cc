#include "agent/attribute/refresh_schedule.h"

#include <gtest/gtest.h>

#include <set>

namespace oomtrail::attribute {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'000 * kSecond;

// How long a schedule waits, in seconds.
double Wait(const RefreshSchedule& schedule, uint64_t now_ns = kNow) {
  return (static_cast<double>(schedule.DueNanos()) - static_cast<double>(now_ns)) / kSecond;
}

class RefreshScheduleTest : public testing::Test {
 protected:
  RefreshSchedule schedule_{RefreshPacing{}, 1};
};

TEST_F(RefreshScheduleTest, IsDueAtOnce) { EXPECT_LE(schedule_.DueNanos(), 0u); }

TEST_F(RefreshScheduleTest, ThenOnceAPeriodMoreOrLess) {
  schedule_.Start();
  schedule_.Succeeded(kNow);
  EXPECT_NEAR(Wait(schedule_), 30, 3);
}

TEST_F(RefreshScheduleTest, NodesDoNotFallIntoStep) {
  std::set<uint64_t> dues;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    RefreshSchedule schedule(RefreshPacing{}, seed);
    schedule.Succeeded(kNow);
    dues.insert(schedule.DueNanos());
  }
  EXPECT_GT(dues.size(), 15u);
}

TEST_F(RefreshScheduleTest, AMissingNameIsAskedForAtOnceButNotInARow) {
  schedule_.Start();
  schedule_.Succeeded(kNow);
  schedule_.Want();
  EXPECT_DOUBLE_EQ(Wait(schedule_), 0.2);
}

TEST_F(RefreshScheduleTest, ManyMissesAreOneTry) {
  schedule_.Start();
  schedule_.Succeeded(kNow);
  for (int i = 0; i < 1000; ++i) schedule_.Want();
  schedule_.Start();
  schedule_.Succeeded(kNow + kSecond);
  EXPECT_NEAR(Wait(schedule_, kNow + kSecond), 30, 3);
}

TEST_F(RefreshScheduleTest, AMissDuringATryNeedsAnother) {
  schedule_.Start();
  schedule_.Want();
  schedule_.Succeeded(kNow);
  EXPECT_DOUBLE_EQ(Wait(schedule_), 0.2);
}

TEST_F(RefreshScheduleTest, FailuresAreRetriedEverLessOften) {
  const double expected[] = {0.5, 1, 2, 4, 8, 16, 30, 30};
  for (const double seconds : expected) {
    schedule_.Start();
    schedule_.Failed(kNow);
    EXPECT_NEAR(Wait(schedule_), seconds, seconds / 4 + 0.001);
  }
}

TEST_F(RefreshScheduleTest, SuccessForgetsTheFailures) {
  for (int i = 0; i < 10; ++i) schedule_.Failed(kNow);
  schedule_.Succeeded(kNow);
  schedule_.Failed(kNow);
  EXPECT_NEAR(Wait(schedule_), 0.5, 0.13);
}

TEST_F(RefreshScheduleTest, AMissShortensALongBackoffButDoesNotBypassIt) {
  for (int i = 0; i < 10; ++i) schedule_.Failed(kNow);
  EXPECT_GT(Wait(schedule_), 20);
  schedule_.Want();
  EXPECT_DOUBLE_EQ(Wait(schedule_), 2);
}

TEST_F(RefreshScheduleTest, AMissDoesNotLengthenAShortBackoff) {
  schedule_.Failed(kNow);
  const double before = Wait(schedule_);
  schedule_.Want();
  EXPECT_DOUBLE_EQ(Wait(schedule_), before);
}

TEST_F(RefreshScheduleTest, EndlessFailuresDoNotOverflow) {
  for (int i = 0; i < 100'000; ++i) schedule_.Failed(kNow);
  EXPECT_NEAR(Wait(schedule_), 30, 7.6);
}

}  // namespace
}  // namespace oomtrail::attribute
