#include "agent/decode/kmsg_clock.h"

#include <gtest/gtest.h>

namespace oomtrail::decode {
namespace {

constexpr uint64_t kMilli = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMilli;
constexpr uint64_t kDay = 86'400 * kSecond;

TEST(KmsgClock, TakesTheFirstRecordAtItsWord) {
  KmsgClock clock;
  EXPECT_EQ(clock.Offset(100 * kSecond, 100 * kSecond + 7 * kMilli), 7 * kMilli);
}

TEST(KmsgClock, BelievesTheQuickestReading) {
  KmsgClock clock;
  clock.Offset(100 * kSecond, 100 * kSecond + 30 * kMilli);
  EXPECT_EQ(clock.Offset(101 * kSecond, 101 * kSecond + 8 * kMilli), 8 * kMilli);
}

TEST(KmsgClock, ALateReadingMovesItNoFurtherThanClocksDrift) {
  KmsgClock clock;
  clock.Offset(100 * kSecond, 100 * kSecond + 8 * kMilli);
  const int64_t offset = clock.Offset(100 * kSecond + 1, 100 * kSecond + 500 * kMilli);
  EXPECT_GE(offset, 8 * kMilli);
  EXPECT_LE(offset, 9 * kMilli);
}

TEST(KmsgClock, FollowsClocksThatDriftApart) {
  KmsgClock clock;
  clock.Offset(kDay, kDay + 8 * kMilli);
  EXPECT_EQ(clock.Offset(2 * kDay, 2 * kDay + 4 * kSecond), 4 * kSecond);
}

TEST(KmsgClock, TheLogMayRunAhead) {
  KmsgClock clock;
  EXPECT_EQ(clock.Offset(100 * kSecond, 99 * kSecond), -static_cast<int64_t>(kSecond));
}

TEST(KmsgClock, NoRecordLiesAfterItsReading) {
  KmsgClock clock;
  clock.Offset(100 * kSecond, 100 * kSecond + 8 * kMilli);
  const uint64_t read = 200 * kSecond + kMilli;
  EXPECT_LE(200 * kSecond + static_cast<uint64_t>(clock.Offset(200 * kSecond, read)), read);
}

TEST(KmsgClock, ASuspendedMachineIsNoDrift) {
  KmsgClock clock;
  clock.Offset(100 * kSecond, 100 * kSecond);
  EXPECT_EQ(clock.Offset(101 * kSecond, 101 * kSecond + kDay), static_cast<int64_t>(kDay));
}

}  // namespace
}  // namespace oomtrail::decode
