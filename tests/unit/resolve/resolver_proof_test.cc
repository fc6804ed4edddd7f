// Which passes of a hook are a kill, and a new one; and what /proc adds to those that hold little
// more than a thread's id.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "tests/fixtures/kmsg_transcripts.h"
#include "tests/unit/resolve/kills.h"
#include "tests/unit/resolve/resolver_fixture.h"

namespace oomtrail::resolve {
namespace {

using model::CgroupId;

constexpr char kApp[] = "/kubepods/app";

// mark_victim for a process of a cgroup whose local oom_kill count is this.
class ProofTest : public ResolverTest {
 protected:
  KillRecord Marked(CgroupId id, uint32_t pid, uint64_t oom_kill) const {
    return KillRecord()
        .By(OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF)
        .At(clock_.BootNanos() + 1)
        .Victim(pid, "a")
        .Started(pid)
        .Level(id.value, "app")
        .Counts(oom_kill, oom_kill)
        .Level(fixtures::kRootId + 1, "kubepods")
        .Root();
  }
  void TakeBaseline() {
    ASSERT_TRUE(index_.Walk().ok());
    resolver_.TakeBaseline();
  }
};

TEST_F(ProofTest, AKillThatRaisedTheCountIsOne) {
  const CgroupId id = Cgroup(kApp, 2, 2);
  TakeBaseline();
  EXPECT_TRUE(Resolve(Marked(id, 10, 3)));
}

TEST_F(ProofTest, ATaskThatWasDyingAnywayIsNoKill) {
  const CgroupId id = Cgroup(kApp, 2, 2);
  TakeBaseline();
  EXPECT_FALSE(Resolve(Marked(id, 10, 2)));
  EXPECT_TRUE(Resolve(Marked(id, 11, 3)));
  EXPECT_FALSE(Resolve(Marked(id, 12, 3)));
}

TEST_F(ProofTest, ACgroupMadeLaterCountsFromZero) {
  Cgroup(kApp, 2, 2);
  TakeBaseline();
  const CgroupId later = Cgroup("/kubepods/later");
  EXPECT_FALSE(Resolve(Marked(later, 10, 0)));
  EXPECT_TRUE(Resolve(Marked(later, 11, 1)));
}

// The kernel counts the first victim of a group twice, but marks it once.
TEST_F(ProofTest, EveryMemberOfAGroupIsProven) {
  const CgroupId id = Cgroup(kApp);
  TakeBaseline();
  EXPECT_TRUE(Resolve(Marked(id, 10, 1)));
  EXPECT_TRUE(Resolve(Marked(id, 11, 3)));
  EXPECT_TRUE(Resolve(Marked(id, 12, 4)));
}

TEST_F(ProofTest, WithoutBaselineADoubtfulKillIsLetThrough) {
  const CgroupId id = Cgroup(kApp, 2, 2);
  EXPECT_TRUE(Resolve(Marked(id, 10, 2)));
  EXPECT_FALSE(Resolve(Marked(id, 11, 2)));
}

// Killed while no agent ran, kept by the pinned ring, and counted by the time this agent started.
TEST_F(ProofTest, AKillFromBeforeTheStartIsNotTakenForADyingTask) {
  const CgroupId id = Cgroup(kApp, 2, 2);
  const KillRecord first = Marked(id, 10, 1);
  const KillRecord second = Marked(id, 11, 2);
  clock_.Advance(std::chrono::seconds(30));
  TakeBaseline();
  EXPECT_TRUE(Resolve(first));
  EXPECT_TRUE(Resolve(second));
  EXPECT_FALSE(Resolve(Marked(id, 12, 2))) << "dying, after the start";
  EXPECT_TRUE(Resolve(Marked(id, 13, 3)));
}

TEST_F(ProofTest, TheVictimHookNeedsNoProof) {
  const CgroupId id = Cgroup(kApp, 2, 2);
  TakeBaseline();
  EXPECT_TRUE(Resolve(Marked(id, 10, 2).By(OT_HOOK_OOM_KILL_PROCESS, OT_METHOD_KPROBE)));
}

// ---- new or seen ----

TEST_F(ProofTest, TheFirstVictimOfAGroupIsToldOnce) {
  const KillRecord first = KillRecord().Victim(10, "a").Started(5).Level(9, "app").Root();
  EXPECT_TRUE(Resolve(first));
  EXPECT_TRUE(Resolve(KillRecord(first).Victim(11, "b")));
  EXPECT_FALSE(Resolve(first));
}

TEST_F(ProofTest, APidThatComesRoundAgainIsANewVictim) {
  const KillRecord first = KillRecord().Victim(10, "a").Started(5).Level(9, "app").Root();
  EXPECT_TRUE(Resolve(first));
  EXPECT_TRUE(Resolve(KillRecord(first).Started(6)));
}

// A kill that was refused for want of proof must not hide the real one behind it.
TEST_F(ProofTest, ARefusedPassIsNotRemembered) {
  const CgroupId id = Cgroup(kApp, 2, 2);
  TakeBaseline();
  EXPECT_FALSE(Resolve(Marked(id, 10, 2)));
  EXPECT_TRUE(Resolve(Marked(id, 10, 3)));
}

// ---- only a thread's id: /proc and the event files are asked ----

class ThreadOnlyTest : public ProofTest {
 protected:
  KillRecord Thread(uint32_t tid) const {
    return KillRecord().VictimThread(tid).At(clock_.BootNanos() + 1);
  }
};

TEST_F(ThreadOnlyTest, ProcNamesTheProcessAndItsCgroup) {
  Cgroup(kApp, 1, 1);
  Process(4312, 4312, "java", kApp);
  const ResolvedKill resolved = Resolved(Thread(4312));
  EXPECT_EQ(resolved.kill.victim.pid, 4312u);
  EXPECT_EQ(resolved.kill.victim.comm, "java");
  EXPECT_EQ(resolved.path, kApp);
  EXPECT_EQ(resolved.cgroup_version, 2);
  EXPECT_FALSE(resolved.id.known());
  EXPECT_FALSE(resolved.scope);
}

TEST_F(ThreadOnlyTest, AThreadIsToldAsItsProcess) {
  Cgroup(kApp, 1, 1);
  Process(4312, 4312, "java", kApp);
  Process(4390, 4312, "java-gc", kApp);
  const ResolvedKill resolved = Resolved(Thread(4390));
  EXPECT_EQ(resolved.kill.victim.pid, 4312u);
  EXPECT_EQ(resolved.kill.victim.tid, 4390u);
  EXPECT_EQ(resolved.kill.victim.comm, "java");
}

TEST_F(ThreadOnlyTest, AProcessThatIsGoneIsStillAVictim) {
  const ResolvedKill resolved = Resolved(Thread(4312));
  EXPECT_EQ(resolved.kill.victim.pid, 4312u);
  EXPECT_EQ(resolved.kill.victim.comm, "");
  EXPECT_EQ(resolved.path, "");
}

TEST_F(ThreadOnlyTest, AProcessThatStartedAfterTheKillIsSomebodyElse) {
  Cgroup(kApp, 1, 1);
  const KillRecord old = Thread(4312);
  clock_.Advance(std::chrono::minutes(1));
  Process(4312, 4312, "innocent", kApp, clock_.BootNanos());
  const ResolvedKill resolved = Resolved(old);
  EXPECT_EQ(resolved.kill.victim.comm, "");
  EXPECT_EQ(resolved.path, "");
}

TEST_F(ThreadOnlyTest, AnotherCommIsSomebodyElse) {
  Process(4312, 4312, "innocent", kApp);
  const auto named = [](ot_kill& raw) {
    fixtures::SetText(raw.victim.comm, "java");
    raw.victim.flags = OT_PROCESS_COMM;
  };
  const ResolvedKill resolved = Resolved(Thread(4312).With(named));
  EXPECT_EQ(resolved.kill.victim.comm, "java");
  EXPECT_EQ(resolved.path, "");
}

TEST_F(ThreadOnlyTest, AnotherThreadsCommIsSomebodyElse) {
  Process(900, 900, "innocent", kApp);
  Process(4390, 900, "worker", kApp);
  const auto named = [](ot_kill& raw) {
    fixtures::SetText(raw.victim.comm, "java-gc");
    raw.victim.flags = OT_PROCESS_COMM;
  };
  const ResolvedKill resolved = Resolved(Thread(4390).With(named));
  EXPECT_EQ(resolved.kill.victim.comm, "java-gc");
  EXPECT_EQ(resolved.path, "");
}

TEST_F(ThreadOnlyTest, TheFileProvesTheKill) {
  Cgroup(kApp, 2, 2);
  TakeBaseline();
  Process(10, 10, "a", kApp);
  Process(11, 11, "b", kApp);
  EXPECT_FALSE(Resolve(Thread(10))) << "dying: nothing was counted";
  Cgroup(kApp, 3, 3);
  EXPECT_TRUE(Resolve(Thread(10)));
  EXPECT_FALSE(Resolve(Thread(11)));
}

TEST_F(ThreadOnlyTest, TwoKillsCountedAtOnceAreTwo) {
  Cgroup(kApp, 2, 2);
  TakeBaseline();
  Process(10, 10, "a", kApp);
  Process(11, 11, "b", kApp);
  Process(12, 12, "c", kApp);
  Cgroup(kApp, 4, 4);
  EXPECT_TRUE(Resolve(Thread(10)));
  EXPECT_TRUE(Resolve(Thread(11)));
  EXPECT_FALSE(Resolve(Thread(12)));
}

TEST_F(ThreadOnlyTest, WithItsCgroupGoneAKillCannotBeDisproven) {
  Process(10, 10, "a", "/kubepods/gone");
  EXPECT_TRUE(Resolve(Thread(10)));
}

// ---- replay: nothing of this machine is asked ----

TEST_F(ThreadOnlyTest, OfflineNoProcessIsAsked) {
  Process(4312, 4312, "innocent", kApp);
  Resolver offline(index_, "");
  const auto resolved = offline.Resolve(Decoded(Thread(4312)));
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->kill.victim.comm, "");
  EXPECT_EQ(resolved->path, "");
}

// ---- the kernel log ----

class KmsgResolverTest : public ResolverTest {
 protected:
  std::vector<ResolvedKill> ResolveLog(std::string_view transcript) {
    decode::KmsgDecoder decoder;
    std::vector<ResolvedKill> all;
    for (model::Kill& kill : fixtures::FeedKmsg(decoder, transcript)) {
      if (auto resolved = resolver_.Resolve(std::move(kill))) all.push_back(*std::move(resolved));
    }
    return all;
  }
};

TEST_F(KmsgResolverTest, APodsLimitFromTheLog) {
  const auto all = ResolveLog(fixtures::kPodOom61);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].scope, model::Scope::kPod);
  EXPECT_FALSE(all[0].scope_inferred);
  ASSERT_TRUE(all[0].limit);
  EXPECT_FALSE(all[0].limit->id) << "the log names it by its path only";
  EXPECT_EQ(all[0].limit->bytes, 768 * kMib);
  EXPECT_EQ(all[0].kill.victim.pid, 2300u);
  EXPECT_EQ(all[0].identity.level, model::Level::kContainer);
  EXPECT_FALSE(all[0].group_kill) << "not told: absent, not false";
}

TEST_F(KmsgResolverTest, AGroupKillIsOneIncidentOfThreeVictims) {
  const auto all = ResolveLog(fixtures::kGroupOom612);
  ASSERT_EQ(all.size(), 3u) << "the log has the first of them twice";
  EXPECT_EQ(all[0].incident, all[1].incident);
  EXPECT_EQ(all[0].incident, all[2].incident);
  EXPECT_EQ(all[1].group_kill, true);
  EXPECT_EQ(all[0].path, "/kubepods/pod4a163a05-439d-484b-8e53-2968bc15824f/web");
  EXPECT_EQ(all[1].path, "") << "a member whose process is gone is not guessed at";
}

TEST_F(KmsgResolverTest, ProcNamesAMemberThatIsStillThere) {
  // It began after the log's own clock says it died: the two clocks drift apart.
  Process(900, 900, "master", "/kubepods/pod4a163a05-439d-484b-8e53-2968bc15824f/web",
          90'000'000'000'000);
  const auto all = ResolveLog(fixtures::kGroupOom612);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].path, "/kubepods/pod4a163a05-439d-484b-8e53-2968bc15824f/web");
}

TEST_F(KmsgResolverTest, AGlobalOomFromTheLog) {
  const auto all = ResolveLog(fixtures::kGlobalOom61);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].scope, model::Scope::kNode);
  EXPECT_FALSE(all[0].limit);
  EXPECT_EQ(all[0].identity.unit, "ssh.service");
}

}  // namespace
}  // namespace oomtrail::resolve
