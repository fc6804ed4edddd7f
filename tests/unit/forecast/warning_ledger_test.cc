#include "agent/forecast/warning_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace oomtrail::forecast {
namespace {

using model::CgroupId;
using model::WarningOutcome;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr CgroupId kPod{1};
constexpr CgroupId kApp{2};
constexpr CgroupId kNode{};

class WarningLedgerTest : public ::testing::Test {
 protected:
  bool Begin(CgroupId owner, CgroupId container, const std::string& path, uint64_t seconds) {
    Notice notice;
    notice.id = "w/" + std::to_string(owner.value);
    notice.boot_ns = seconds * kSecond;
    notice.cgroup = {.id = container, .path = path, .identity = {}};
    return ledger_.Begin(owner, notice);
  }
  void End(CgroupId owner, WarningOutcome outcome, uint64_t seconds) {
    ledger_.End(owner, outcome, seconds * kSecond);
  }
  model::Warned Kill(CgroupId victim, const std::string& path, std::optional<CgroupId> owner,
                     uint64_t seconds) {
    return ledger_.OnKill({.victim = victim,
                           .victim_path = path,
                           .limit_owner = owner,
                           .boot_ns = seconds * kSecond,
                           .ended = {}});
  }
  std::vector<std::optional<WarningOutcome>> TakeOutcomes() {
    std::vector<std::optional<WarningOutcome>> outcomes;
    for (const Notice& notice : ledger_.TakeNotices()) outcomes.push_back(notice.warning.outcome);
    return outcomes;
  }

  WarningLedger ledger_;
};

TEST_F(WarningLedgerTest, AKillInTheContainerEndsItsWarning) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  const model::Warned warned = Kill(kApp, "/pod/app", kApp, 25);
  EXPECT_TRUE(warned.warned);
  EXPECT_EQ(warned.id, "w/2");
  EXPECT_THAT(warned.seconds_before, Optional(DoubleEq(15)));
  const auto notices = ledger_.TakeNotices();
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[1].id, notices[0].id);
  EXPECT_EQ(notices[1].revision, 1u);
  EXPECT_EQ(notices[1].warning.outcome, WarningOutcome::kKilled);
  EXPECT_THAT(notices[1].warning.outcome_seconds, Optional(DoubleEq(15)));
  EXPECT_EQ(ledger_.standing(), 0u);
  const auto kills = ledger_.TakeKills();
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_THAT(kills[0].ended, ElementsAre(kApp));
}

TEST_F(WarningLedgerTest, AVictimBelowTheWarnedContainerIsOfIt) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  EXPECT_TRUE(Kill({99}, "/pod/app/init.scope", CgroupId{99}, 11).warned);
}

TEST_F(WarningLedgerTest, ANeighbourWithALikeNameIsNot) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  EXPECT_FALSE(Kill({99}, "/pod/app2", CgroupId{99}, 11).warned);
  EXPECT_FALSE(Kill({98}, "", CgroupId{98}, 11).warned);
  EXPECT_EQ(ledger_.standing(), 1u);
}

TEST_F(WarningLedgerTest, AKillAtTheWarnedLimitCountsWhoeverItsVictimIs) {
  ASSERT_TRUE(Begin(kPod, kApp, "/pod/app", 10));
  EXPECT_TRUE(Kill({99}, "/pod/sidecar", kPod, 11).warned);
}

TEST_F(WarningLedgerTest, TheLimitsOwnWarningIsTheOneAKillSpeaksOf) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  ASSERT_TRUE(Begin(kPod, {3}, "/pod/sidecar", 12));
  const model::Warned warned = Kill(kApp, "/pod/app", kPod, 20);
  EXPECT_EQ(warned.id, "w/1");
  EXPECT_EQ(ledger_.standing(), 0u) << "both have come true";
}

TEST_F(WarningLedgerTest, AKillOfTheNodeEndsTheNodesWarning) {
  ASSERT_TRUE(Begin(kNode, kApp, "/pod/app", 10));
  EXPECT_TRUE(Kill({99}, "/elsewhere", std::nullopt, 11).warned);
}

TEST_F(WarningLedgerTest, TheMembersOfAGroupHadAllBeenWarnedOf) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  EXPECT_TRUE(Kill(kApp, "/pod/app", kApp, 20).warned);
  EXPECT_TRUE(Kill(kApp, "/pod/app", kApp, 21).warned);
  EXPECT_FALSE(Kill(kApp, "/pod/app", kApp, 40).warned) << "another time";
  EXPECT_THAT(TakeOutcomes(), ElementsAre(std::nullopt, WarningOutcome::kKilled));
}

TEST_F(WarningLedgerTest, AKillBeforeTheWarningWasNotWarnedOf) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  EXPECT_FALSE(Kill(kApp, "/pod/app", kApp, 9).warned);
}

TEST_F(WarningLedgerTest, AnEndIsToldWhenNoKillCanComeAnyMore) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  End(kApp, WarningOutcome::kExpired, 20);
  EXPECT_EQ(ledger_.standing(), 0u);
  ledger_.Settle(21 * kSecond);
  EXPECT_THAT(TakeOutcomes(), ElementsAre(std::nullopt));
  EXPECT_TRUE(ledger_.Settle(22 * kSecond));
  EXPECT_THAT(TakeOutcomes(), ElementsAre(WarningOutcome::kExpired));
  EXPECT_FALSE(Kill(kApp, "/pod/app", kApp, 19).warned) << "too late: it has been told";
}

TEST_F(WarningLedgerTest, AKillWhoseRecordComesAfterTheEndIsStillKnown) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  End(kApp, WarningOutcome::kExpired, 20);
  EXPECT_TRUE(Kill(kApp, "/pod/app", kApp, 19).warned);
  ledger_.Settle(30 * kSecond);
  EXPECT_THAT(TakeOutcomes(), ElementsAre(std::nullopt, WarningOutcome::kKilled));
}

TEST_F(WarningLedgerTest, AKillAfterTheEndWasNotWarnedOf) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  End(kApp, WarningOutcome::kReceded, 20);
  EXPECT_FALSE(Kill(kApp, "/pod/app", kApp, 21).warned);
  ledger_.Settle(30 * kSecond);
  EXPECT_THAT(TakeOutcomes(), ElementsAre(std::nullopt, WarningOutcome::kReceded));
}

TEST_F(WarningLedgerTest, AContainerIsWarnedOfOnceAtATime) {
  ASSERT_TRUE(Begin(kApp, kApp, "/pod/app", 10));
  EXPECT_FALSE(Begin(kPod, kApp, "/pod/app", 11));
  EXPECT_TRUE(ledger_.IsWarned(kApp));
  End(kApp, WarningOutcome::kReceded, 20);
  EXPECT_FALSE(ledger_.IsWarned(kApp));
  EXPECT_TRUE(Begin(kPod, kApp, "/pod/app", 21));
}

TEST_F(WarningLedgerTest, NoticesThatNobodyTakesAreDroppedAndCounted) {
  for (uint64_t i = 1; i <= WarningLedger::kMaxNotices + 3; ++i) {
    ASSERT_TRUE(Begin({i}, {i}, "/" + std::to_string(i), 1));
  }
  EXPECT_EQ(ledger_.dropped(), 3u);
  EXPECT_EQ(ledger_.TakeNotices().size(), WarningLedger::kMaxNotices);
  EXPECT_THAT(ledger_.TakeNotices(), IsEmpty());
}

TEST_F(WarningLedgerTest, KillsThatNobodyTakesAreBounded) {
  for (uint64_t i = 0; i < 2 * WarningLedger::kMaxKills; ++i) Kill({i}, "/a", CgroupId{i}, 1);
  EXPECT_EQ(ledger_.TakeKills().size(), WarningLedger::kMaxKills);
}

}  // namespace
}  // namespace oomtrail::forecast
