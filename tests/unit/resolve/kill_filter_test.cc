// Which passes of the victim hook are a victim that was seen before.
#include "agent/resolve/kill_filter.h"

#include <gtest/gtest.h>

#include <optional>

namespace oomtrail::resolve {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

model::Kill Pass(uint32_t pid, std::optional<uint64_t> start_boot_ns, uint64_t boot_ns) {
  model::Kill kill;
  kill.victim.pid = pid;
  kill.victim.start_boot_ns = start_boot_ns;
  kill.boot_ns = boot_ns;
  return kill;
}

class KillFilterTest : public ::testing::Test {
 protected:
  bool IsNew(uint32_t pid, std::optional<uint64_t> start_boot_ns, uint64_t boot_ns) {
    return !filter_.IsDuplicate(Pass(pid, start_boot_ns, boot_ns));
  }

  KillFilter filter_;
};

TEST_F(KillFilterTest, TheFirstVictimOfAGroupPassesTwice) {
  EXPECT_TRUE(IsNew(10, 500, 1 * kSecond));
  EXPECT_TRUE(IsNew(11, 501, 1 * kSecond));
  EXPECT_FALSE(IsNew(10, 500, 1 * kSecond));
}

TEST_F(KillFilterTest, AStartTimeTellsForEver) {
  EXPECT_TRUE(IsNew(10, 500, 1 * kSecond));
  EXPECT_FALSE(IsNew(10, 500, 3600 * kSecond));
}

TEST_F(KillFilterTest, APidThatComesRoundAgainIsANewVictim) {
  EXPECT_TRUE(IsNew(10, 500, 1 * kSecond));
  EXPECT_TRUE(IsNew(10, 900, 1 * kSecond));
  EXPECT_FALSE(IsNew(10, 900, 1 * kSecond));
}

TEST_F(KillFilterTest, WithoutStartTimeFiveSecondsDecide) {
  EXPECT_TRUE(IsNew(10, std::nullopt, 1 * kSecond));
  EXPECT_FALSE(IsNew(10, std::nullopt, 5 * kSecond));
  EXPECT_TRUE(IsNew(10, std::nullopt, 10 * kSecond));
}

// The old and the new agent's programs by different methods: one knows the start time.
TEST_F(KillFilterTest, OneStartTimeAloneCannotTell) {
  EXPECT_TRUE(IsNew(10, 500, 1 * kSecond));
  EXPECT_FALSE(IsNew(10, std::nullopt, 1 * kSecond));
  EXPECT_FALSE(IsNew(10, 500, 1 * kSecond));
}

// Two programs of one kill: the record of the first may be the second in the ring.
TEST_F(KillFilterTest, PassesMayComeInAnyOrder) {
  EXPECT_TRUE(IsNew(10, std::nullopt, 2 * kSecond));
  EXPECT_FALSE(IsNew(10, std::nullopt, 2 * kSecond - 1));
}

TEST_F(KillFilterTest, RemembersThatManyVictimsAndNoMore) {
  for (uint32_t pid = 1; pid <= KillFilter::kRemembered; ++pid) {
    ASSERT_TRUE(IsNew(pid, pid, kSecond));
  }
  EXPECT_FALSE(IsNew(1, 1, kSecond));
  ASSERT_TRUE(IsNew(1'000'000, 1, kSecond));  // in place of the oldest
  EXPECT_FALSE(IsNew(2, 2, kSecond));
  EXPECT_TRUE(IsNew(1, 1, kSecond));
}

}  // namespace
}  // namespace oomtrail::resolve
