// Whose limit it was: told by two identities, and inferred from the counters of each level.
#include "agent/resolve/scope.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

#include "agent/resolve/path_grammar.h"
#include "tests/unit/resolve/kills.h"

namespace oomtrail::resolve {
namespace {

using model::Scope;

struct Row {
  std::string name;
  std::string owner;
  std::string victim;
  Scope scope;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ScopeOfTest : public ::testing::TestWithParam<Row> {};

TEST_P(ScopeOfTest, IsTheWordForThatLimit) {
  EXPECT_EQ(ScopeOf(ParseCgroupPath(GetParam().owner), ParseCgroupPath(GetParam().victim)),
            GetParam().scope);
}

const std::string kId(64, 'a');
const std::string kDocker = "/system.slice/docker-" + kId + ".scope";
const std::string kKind = kDocker + "/kubelet.slice/kubelet-kubepods.slice";

const Row kRows[] = {
    {"Container", kPathA, kPathA, Scope::kContainer},
    {"ContainerOfASubCgroup", kPathA, kPathA + "/init.scope", Scope::kContainer},
    {"SubCgroupOfAContainer", kPathA + "/a", kPathA + "/a/b", Scope::kContainer},
    {"Pod", kPodPath, kPathA, Scope::kPod},
    {"PodOfItsOwnCgroup", kPodPath, kPodPath, Scope::kPod},
    {"Qos", kQosPath, kPathA, Scope::kAncestor},
    {"Kubepods", "/kubepods.slice", kPathA, Scope::kAncestor},
    {"Root", "/", kPathA, Scope::kAncestor},
    {"OtherContainer", kPathB, kPathA, Scope::kAncestor},
    {"OuterContainerOfKind", kDocker,
     kKind + "/kubelet-" + std::string(kPodName) + "/" + std::string(kContainerA),
     Scope::kAncestor},
    {"OuterPodOfKind", kPodPath,
     kPathA + "/kubelet.slice/kubelet-kubepods.slice/"
              "kubelet-kubepods-pod019c1fe8_0d92_4aa0_b61c_4df58bdde71c.slice",
     Scope::kAncestor},
    {"SystemdUnit", "/system.slice/ssh.service", "/system.slice/ssh.service", Scope::kHost},
    {"SliceOfAUnit", "/system.slice", "/system.slice/ssh.service", Scope::kHost},
    {"DockerContainer", kDocker, kDocker, Scope::kContainer},
    {"SliceOfADockerContainer", "/system.slice", kDocker, Scope::kAncestor},
};
INSTANTIATE_TEST_SUITE_P(Scope, ScopeOfTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

// A container of 512 MiB in a pod of 768 in a slice of 4096; each test says what had been counted
// before and what is counted at the kill.
class LimitInferenceTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kContainer = 12, kPod = 11, kSlice = 10;

  struct Level {
    uint64_t usage;
    uint64_t oom_count;
  };
  static KillRecord Kill(Level container, Level pod, Level slice) {
    return KillRecord()
        .By(OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF)
        .At(5'000'000'000)
        .Victim(1, "a")
        .Trigger(77, "a")
        .Level(kContainer, "c", container.usage, 512 * kMib)
        .Counts(container.oom_count, 1)
        .Level(kPod, "p", pod.usage, 768 * kMib)
        .Counts(pod.oom_count, 0)
        .Level(kSlice, "s", slice.usage, 4096 * kMib)
        .Counts(slice.oom_count, 0)
        .Root();
  }
  // The level that is inferred; absent for a global OOM.
  std::optional<size_t> Infer(const KillRecord& record) {
    const auto owner = inference_.Infer(Decoded(record), ledger_);
    if (!owner) return std::nullopt;
    incident_ = owner->incident;
    usage_ = owner->usage_bytes;
    return owner->level;
  }
  // cgroup v1: how often they ran out of memory before is not known.
  void BaselineWithoutOomCounts() {
    for (const uint64_t id : {kContainer, kPod, kSlice}) ledger_.Baseline({id}, {}, 0);
  }

  CountLedger ledger_;
  LimitInference inference_;
  uint64_t incident_ = 0;
  std::optional<uint64_t> usage_;
};

TEST_F(LimitInferenceTest, TheLevelWhoseCountRose) {
  EXPECT_EQ(Infer(Kill({512 * kMib, 1}, {600 * kMib, 0}, {kMib, 0})), 0u);
  EXPECT_EQ(incident_, 5'000'000'000u);
}

TEST_F(LimitInferenceTest, ThePodWhoseCountRose) {
  EXPECT_EQ(Infer(Kill({100 * kMib, 0}, {768 * kMib, 1}, {kMib, 0})), 1u);
}

TEST_F(LimitInferenceTest, AnOldCountIsNoRise) {
  ledger_.Baseline({kContainer}, {.oom = 9, .oom_kill = 0}, 0);
  EXPECT_EQ(Infer(Kill({100 * kMib, 9}, {768 * kMib, 1}, {kMib, 0})), 1u);
}

// An OOM of the container found room in time: the count rose, nobody was killed. Now the pod is
// full.
TEST_F(LimitInferenceTest, ARiseWithoutAKillDoesNotHideTheFullLevel) {
  EXPECT_EQ(Infer(Kill({100 * kMib, 3}, {768 * kMib, 1}, {kMib, 0})), 1u);
}

TEST_F(LimitInferenceTest, ARiseCountsWhereNoLevelLooksFull) {
  EXPECT_EQ(Infer(Kill({500 * kMib, 1}, {600 * kMib, 0}, {kMib, 0})), 0u);
}

TEST_F(LimitInferenceTest, TheInnermostOfSeveralThatRoseAndAreFull) {
  EXPECT_EQ(Infer(Kill({512 * kMib, 1}, {768 * kMib, 1}, {4096 * kMib, 1})), 0u);
}

TEST_F(LimitInferenceTest, OnV1AnOldCgroupIsJudgedByBeingFull) {
  BaselineWithoutOomCounts();
  EXPECT_EQ(Infer(Kill({100 * kMib, 4}, {768 * kMib, 2}, {kMib, 0}).CgroupV1()), 1u);
}

TEST_F(LimitInferenceTest, AFullLevelThatNeverRanOutIsNotTheCause) {
  BaselineWithoutOomCounts();
  EXPECT_EQ(Infer(Kill({512 * kMib, 0}, {768 * kMib, 2}, {kMib, 0}).CgroupV1()), 1u);
}

// A quarter of a MiB short of the limit: others freed it while the kill was on its way.
TEST_F(LimitInferenceTest, AlmostFullIsFull) {
  BaselineWithoutOomCounts();
  EXPECT_EQ(Infer(Kill({512 * kMib - kMib / 4, 4}, {kMib, 2}, {kMib, 0})), 0u);
}

TEST_F(LimitInferenceTest, AMebibyteShortIsNotFull) {
  BaselineWithoutOomCounts();
  EXPECT_EQ(Infer(Kill({511 * kMib, 4}, {kMib, 2}, {kMib, 0})), std::nullopt);
}

TEST_F(LimitInferenceTest, OnV1MemoryAndSwapTogetherMayBeFull) {
  BaselineWithoutOomCounts();
  const auto with_swap = [](ot_kill& raw) {
    raw.chain.levels[0].swap_usage_pages = 600 * kMib / fixtures::kPageSize;
    raw.chain.levels[0].swap_limit_pages = 600 * kMib / fixtures::kPageSize;
  };
  const KillRecord kill = Kill({300 * kMib, 4}, {kMib, 2}, {kMib, 0});
  EXPECT_EQ(Infer(KillRecord(kill).CgroupV1().With(with_swap)), 0u);
  EXPECT_EQ(Infer(KillRecord(kill).At(9'000'000'000).With(with_swap)), std::nullopt)
      << "v2's swap limit makes no OOM";
}

TEST_F(LimitInferenceTest, NoLevelIsTheCauseOfAGlobalOom) {
  BaselineWithoutOomCounts();
  EXPECT_EQ(Infer(Kill({100 * kMib, 4}, {200 * kMib, 2}, {kMib, 0})), std::nullopt);
}

TEST_F(LimitInferenceTest, AnUnlimitedLevelIsNeverTheCause) {
  EXPECT_EQ(Infer(KillRecord().Trigger(1, "a").Level(5, "a", 99 * kMib).Counts(3, 1).Root()),
            std::nullopt);
}

TEST_F(LimitInferenceTest, LevelsWithoutCountersAreNeverTheCause) {
  EXPECT_EQ(Infer(KillRecord().Level(5, "a", kMib, kMib).Counts(1, 1).Uncounted().Root()),
            std::nullopt);
}

TEST_F(LimitInferenceTest, AUsageThatWouldWrapIsFull) {
  BaselineWithoutOomCounts();
  EXPECT_EQ(Infer(Kill({0, 4}, {0, 0}, {0, 0}).With([](ot_kill& raw) {
              raw.chain.levels[0].usage_pages = ~uint64_t{0};
            })),
            0u);
}

class GroupMembersTest : public LimitInferenceTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(Infer(Kill({100 * kMib, 0}, {768 * kMib, 1}, {kMib, 0})), 1u);
    first_ = incident_;
  }
  // The next victim, when the first one's memory is free again.
  static KillRecord Next(uint64_t after_ns) {
    return Kill({90 * kMib, 0}, {500 * kMib, 1}, {kMib, 0}).At(5'000'000'000 + after_ns);
  }

  uint64_t first_ = 0;
};

TEST_F(GroupMembersTest, ShareOwnerAndIncident) {
  EXPECT_EQ(Infer(Next(1'000'000)), 1u);
  EXPECT_EQ(incident_, first_);
  EXPECT_EQ(usage_, 768 * kMib) << "when the OOM began, not at this kill";
}

TEST_F(GroupMembersTest, MayBeInACgroupFurtherBelow) {
  const KillRecord deeper = KillRecord()
                                .At(5'000'001'000)
                                .Trigger(77, "a")
                                .Level(99, "below", 0, kMib)
                                .Level(kContainer, "c", kMib, 512 * kMib)
                                .Level(kPod, "p", 500 * kMib, 768 * kMib)
                                .Counts(1, 0)
                                .Root();
  EXPECT_EQ(Infer(deeper), 2u);
  EXPECT_EQ(incident_, first_);
}

TEST_F(GroupMembersTest, AnotherTriggerIsAnotherOom) {
  EXPECT_EQ(Infer(Next(1'000'000).Trigger(78, "b")), std::nullopt);
}

TEST_F(GroupMembersTest, ASecondLaterIsAnotherOom) {
  EXPECT_EQ(Infer(Next(1'000'000'000)), std::nullopt);
}

TEST_F(GroupMembersTest, ACountThatRoseIsAnotherOom) {
  EXPECT_EQ(Infer(Kill({90 * kMib, 0}, {768 * kMib, 2}, {kMib, 0}).At(5'000'000'500)), 1u);
  EXPECT_NE(incident_, first_);
}

TEST_F(GroupMembersTest, ARecordFromBeforeIsNoMember) {
  EXPECT_EQ(Infer(Next(0).At(4'999'999'999)), std::nullopt);
}

// ---- an OOM that killed nobody ----

bool HasRoom(const fixtures::OomWithoutKillRecord& record) {
  const auto decoded = decode::DecodeRecord(record.Bytes());
  return decoded.ok() && HasRoomAgain(std::get<model::OomWithoutKill>(*decoded));
}

fixtures::OomWithoutKillRecord OutOf(uint64_t usage, uint64_t limit) {
  return fixtures::OomWithoutKillRecord().Level(5, "a", usage, limit).Root();
}

TEST(HasRoomAgainTest, OnlyFarBelowItsLimit) {
  EXPECT_TRUE(HasRoom(OutOf(64 * kMib, 100 * kMib)));
  EXPECT_FALSE(HasRoom(OutOf(75 * kMib, 100 * kMib)));
  EXPECT_FALSE(HasRoom(OutOf(100 * kMib, 100 * kMib)));
  EXPECT_FALSE(HasRoom(OutOf(0, 0)));
  EXPECT_FALSE(HasRoom(OutOf(0, kMib / 4))) << "within what the CPUs hold back";
}

TEST(HasRoomAgainTest, WhatIsNotKnownIsNoRoom) {
  EXPECT_FALSE(HasRoom(OutOf(0, fixtures::kUnlimited)));
  EXPECT_FALSE(HasRoom(fixtures::OomWithoutKillRecord()));
  EXPECT_FALSE(HasRoom(fixtures::OomWithoutKillRecord().Level(5, "a", 0, kMib).Uncounted().Root()));
}

TEST(HasRoomAgainTest, OnV1MemoryAndSwapTogetherMayBeFull) {
  const auto swap_full = fixtures::OomWithoutKillRecord()
                             .CgroupV1()
                             .Level(5, "a", 10 * kMib, 100 * kMib)
                             .Swap(200 * kMib, 200 * kMib)
                             .Root();
  EXPECT_FALSE(HasRoom(swap_full));
}

}  // namespace
}  // namespace oomtrail::resolve
