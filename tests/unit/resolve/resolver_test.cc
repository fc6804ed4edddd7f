// From a decoded kill to whose limit it was, where, and what could not be told.
#include "agent/resolve/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/unit/resolve/kills.h"
#include "tests/unit/resolve/resolver_fixture.h"

namespace oomtrail::resolve {
namespace {

using model::CgroupId;
using model::Level;
using model::Scope;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// A victim in `path`, whose every level is at this usage and limit.
KillRecord VictimIn(const std::string& path) {
  return InCgroup(
      KillRecord().At(2000).Victim(4312, "java").Started(500).Trigger(4312, "java", IdOf(path)),
      path);
}

// It was the limit of the cgroup at `limit`.
KillRecord LimitedAt(const std::string& limit, const std::string& path) {
  return VictimIn(path).MemcgOom(1000, IdOf(limit), 511 * kMib, 512 * kMib);
}

struct Row {
  std::string name;
  KillRecord record;
  std::optional<Scope> scope;
  std::string limit_path;  // empty: no limit at all
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ScopeTest : public ResolverTest, public ::testing::WithParamInterface<Row> {};

TEST_P(ScopeTest, IsToldByTheOomContext) {
  const ResolvedKill resolved = Resolved(GetParam().record);
  EXPECT_EQ(resolved.scope, GetParam().scope);
  EXPECT_FALSE(resolved.scope_inferred);
  EXPECT_EQ(resolved.incident, 1000u);
  ASSERT_EQ(resolved.limit.has_value(), !GetParam().limit_path.empty());
  if (!resolved.limit) return;
  EXPECT_EQ(resolved.limit->path, GetParam().limit_path);
  EXPECT_EQ(resolved.limit->id, CgroupId{IdOf(GetParam().limit_path)});
  EXPECT_EQ(resolved.limit->bytes, 512 * kMib);
  EXPECT_EQ(resolved.limit->usage_bytes, 511 * kMib);
}

const std::string kUnit = "/system.slice/ssh.service";

const Row kRows[] = {
    {"Container", LimitedAt(kPathA, kPathA), Scope::kContainer, kPathA},
    {"SubCgroupOfItsContainer", LimitedAt(kPathA, kPathA + "/init.scope"), Scope::kContainer,
     kPathA},
    {"LimitInsideTheContainer", LimitedAt(kPathA + "/a", kPathA + "/a/b"), Scope::kContainer,
     kPathA + "/a"},
    {"Pod", LimitedAt(kPodPath, kPathA), Scope::kPod, kPodPath},
    {"Qos", LimitedAt(kQosPath, kPathA), Scope::kAncestor, kQosPath},
    {"Kubepods", LimitedAt("/kubepods.slice", kPathA), Scope::kAncestor, "/kubepods.slice"},
    {"Root", LimitedAt("/", kPathA), Scope::kAncestor, "/"},
    {"Host", LimitedAt(kUnit, kUnit), Scope::kHost, kUnit},
    {"SliceOfTheHost", LimitedAt("/system.slice", kUnit), Scope::kHost, "/system.slice"},
    {"Node", VictimIn(kPathA).GlobalOom(1000), Scope::kNode, ""},
    {"Cpuset", VictimIn(kPathA).GlobalOom(1000, 1), Scope::kCpuset, ""},
    {"Mempolicy", VictimIn(kPathA).GlobalOom(1000, 2), Scope::kMempolicy, ""},
    {"Manual", VictimIn(kPathA).GlobalOom(1000).Allocation(-1, 0xcc0, 1), Scope::kManual, ""},
    {"NodeOfAHostProcess", VictimIn(kUnit).GlobalOom(1000), Scope::kNode, ""},
};
INSTANTIATE_TEST_SUITE_P(Context, ScopeTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST_F(ResolverTest, AContainerIsNamedByItsPath) {
  const ResolvedKill resolved = Resolved(LimitedAt(kPathA, kPathA + "/init.scope"));
  EXPECT_EQ(resolved.path, kPathA + "/init.scope");
  EXPECT_EQ(resolved.id, CgroupId{IdOf(kPathA + "/init.scope")});
  EXPECT_EQ(resolved.cgroup_version, 2);
  EXPECT_EQ(resolved.identity.level, Level::kContainer);
  ASSERT_TRUE(resolved.identity.container_id);
  EXPECT_EQ(resolved.identity.container_id->Short(), "594f6557dc0f");
  EXPECT_EQ(Resolved(LimitedAt(kPathA, kPathA).CgroupV1().Victim(1, "b")).cgroup_version, 1);
}

TEST_F(ResolverTest, NothingIsMissingWhereTheKernelToldAll) {
  const KillRecord all =
      LimitedAt(kPathA, kPathA).Uid(0).ScoreAdj(0).Rss(1, 2, 3).PageTables(4096).TotalVm(kMib);
  EXPECT_THAT(Resolved(all).missing, IsEmpty());
}

TEST_F(ResolverTest, WhatIsMissingIsListed) {
  const KillRecord bare = KillRecord().VictimThread(4312).At(2000).With(
      [](ot_kill& raw) { raw.trigger.memcg_id = 99; });
  EXPECT_THAT(Resolved(bare).missing,
              ElementsAre("cgroup.path", "cgroup.id", "victim.comm", "victim.uid",
                          "victim.oom_score_adj", "victim.anon_rss_bytes",
                          "victim.page_table_bytes", "victim.total_vm_bytes", "victim.start_time",
                          "trigger.cgroup_path", "scope", "limit", "oom", "oom.group_kill"));
}

TEST_F(ResolverTest, AGlobalOomHasNoLimitToMiss) {
  const ResolvedKill resolved = Resolved(VictimIn(kPathA).GlobalOom(1000));
  EXPECT_THAT(resolved.missing, Not(Contains("limit")));
}

TEST_F(ResolverTest, ATriggerInAnotherCgroupIsNamed) {
  const CgroupId elsewhere = Cgroup("/system.slice/cron.service");
  ASSERT_TRUE(index_.Walk().ok());
  const ResolvedKill resolved =
      Resolved(LimitedAt(kPodPath, kPathA).Trigger(9, "cron", elsewhere.value));
  EXPECT_EQ(resolved.trigger_path, "/system.slice/cron.service");
  EXPECT_EQ(resolved.kill.trigger->comm, "cron");
  EXPECT_EQ(resolved.path, kPathA) << "the victim's, never the trigger's";
}

TEST_F(ResolverTest, ATriggerWhoseCgroupIsNotKnownHasNoPath) {
  EXPECT_EQ(Resolved(LimitedAt(kPodPath, kPathA).Trigger(9, "cron", 4711)).trigger_path, "");
}

// ---- chains that do not say everything ----

TEST_F(ResolverTest, AnUnnamedLevelIsAskedOfTheIndex) {
  const CgroupId id = Cgroup(kPathA);
  ASSERT_TRUE(index_.Walk().ok());
  const KillRecord unnamed =
      KillRecord().Victim(1, "a").Level(id.value, "wrong").Unnamed().Level(7, "slice").Root();
  EXPECT_EQ(Resolved(unnamed).path, kPathA);
}

TEST_F(ResolverTest, AnIncompleteChainIsAskedOfTheIndex) {
  const CgroupId id = Cgroup(kPathA);
  ASSERT_TRUE(index_.Walk().ok());
  const KillRecord incomplete = KillRecord().Victim(1, "a").Level(id.value, "wrong");
  EXPECT_EQ(Resolved(incomplete).path, kPathA);
}

TEST_F(ResolverTest, NamesOfTheRecordGoBeforeTheIndex) {
  const CgroupId id = Cgroup("/renamed");
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_EQ(Resolved(KillRecord().Victim(1, "a").Level(id.value, "at-the-kill").Root()).path,
            "/at-the-kill");
}

// The container's cgroup is gone and has no name, the pod's is there: that makes it no host
// process.
TEST_F(ResolverTest, AVictimOfUnknownPathHasNoScope) {
  const CgroupId pod = Cgroup(kPodPath);
  ASSERT_TRUE(index_.Walk().ok());
  const KillRecord record = KillRecord()
                                .Victim(1, "a")
                                .MemcgOom(1000, pod.value, kMib, kMib)
                                .Level(12345, "gone")
                                .Unnamed()
                                .Level(pod.value, "pod")
                                .Root();
  const ResolvedKill resolved = Resolved(record);
  EXPECT_EQ(resolved.path, "");
  EXPECT_FALSE(resolved.scope);
  ASSERT_TRUE(resolved.limit);
  EXPECT_EQ(resolved.limit->path, kPodPath);
  EXPECT_THAT(resolved.missing, Contains("cgroup.path"));
  EXPECT_THAT(resolved.missing, Contains("scope"));
}

TEST_F(ResolverTest, ALimitOutsideTheChainIsAskedOfTheIndex) {
  const CgroupId other = Cgroup("/other");
  ASSERT_TRUE(index_.Walk().ok());
  const ResolvedKill resolved = Resolved(VictimIn(kPathA).MemcgOom(1000, other.value, kMib, kMib));
  EXPECT_EQ(resolved.limit->path, "/other");
  EXPECT_EQ(resolved.scope, Scope::kAncestor);
}

TEST_F(ResolverTest, ALimitThatNobodyKnowsIsStillALimit) {
  const ResolvedKill resolved = Resolved(VictimIn(kPathA).MemcgOom(1000, 4711, kMib, kMib));
  ASSERT_TRUE(resolved.limit);
  EXPECT_EQ(resolved.limit->path, "");
  EXPECT_EQ(resolved.limit->id, CgroupId{4711});
  EXPECT_FALSE(resolved.scope);
}

// ---- group kills ----

TEST_F(ResolverTest, AGroupBetweenVictimAndLimitIsKilledWhole) {
  const auto group_at = [](const std::string& group) {
    return [group](KillRecord& record, const std::string& at) {
      if (at == group) record.OomGroup();
    };
  };
  const auto killed = [&](uint32_t pid, const std::string& group, const std::string& limit) {
    return Resolved(InCgroup(KillRecord().Victim(pid, "a"), kPathA + "/a", group_at(group))
                        .MemcgOom(1000, IdOf(limit), kMib, kMib))
        .group_kill;
  };
  EXPECT_EQ(killed(1, kPathA, kPathA), true);
  EXPECT_EQ(killed(2, kPathA + "/a", kPathA), true);
  EXPECT_EQ(killed(3, kPodPath, kPathA), false) << "above the limit";
  EXPECT_EQ(killed(4, "none", kPathA), false);
}

TEST_F(ResolverTest, InAGlobalOomEveryGroupCountsButTheRoots) {
  const auto none = [](KillRecord&, const std::string&) {};
  const auto killed = [&](const KillRecord& record) {
    return Resolved(KillRecord(record).GlobalOom(1000)).group_kill;
  };
  EXPECT_EQ(killed(InCgroup(KillRecord().Victim(1, "a"), kPathA, none).OomGroup()), false);
  EXPECT_EQ(killed(KillRecord().Victim(2, "a").Level(5, "a").Level(4, "b").OomGroup().Root()),
            true);
}

TEST_F(ResolverTest, WithoutCountersAGroupCannotBeTold) {
  EXPECT_FALSE(Resolved(KillRecord()
                            .Victim(1, "a")
                            .MemcgOom(1000, 5, kMib, kMib)
                            .Level(5, "a")
                            .Uncounted()
                            .Root())
                   .group_kill);
}

TEST_F(ResolverTest, AGroupMayBeAboveAnIncompleteChain) {
  EXPECT_FALSE(Resolved(KillRecord().Victim(1, "a").GlobalOom(1000).Level(5, "a")).group_kill);
  EXPECT_EQ(
      Resolved(KillRecord().Victim(2, "a").GlobalOom(1000).Level(5, "a").OomGroup()).group_kill,
      true);
}

// ---- incidents ----

TEST_F(ResolverTest, MembersShareTheirIncidentAndOtherOomsDoNot) {
  const KillRecord first = LimitedAt(kPathA, kPathA);
  EXPECT_EQ(Resolved(first).incident, Resolved(KillRecord(first).Victim(2, "b").At(2001)).incident);
  EXPECT_NE(Resolved(KillRecord(first).Victim(3, "c").MemcgOom(1500, IdOf(kPathA), 1, 1)).incident,
            1000u);
}

// ---- without a context: inference ----

// At the kill the container has counted `container`, the pod `pod` OOMs.
KillRecord Uncontexted(uint32_t pid, uint64_t container, uint64_t pod) {
  return InCgroup(KillRecord().At(2000 + pid).Victim(pid, "a").Trigger(77, "a"), kPathA,
                  [=](KillRecord& record, const std::string& at) {
                    if (at == kPathA) record.Counts(container, 1);
                    if (at == kPodPath) record.Counts(pod, 0);
                    if (at == kPathA || at == kPodPath) {
                      record.With([](ot_kill& raw) {
                        ot_level& level = raw.chain.levels[raw.chain.count - 1];
                        level.usage_pages = level.limit_pages = 1024;
                      });
                    }
                  });
}

TEST_F(ResolverTest, AnInferredContainerLimit) {
  const ResolvedKill resolved = Resolved(Uncontexted(1, 1, 0));
  EXPECT_EQ(resolved.scope, Scope::kContainer);
  EXPECT_TRUE(resolved.scope_inferred);
  ASSERT_TRUE(resolved.limit);
  EXPECT_EQ(resolved.limit->path, kPathA);
  EXPECT_EQ(resolved.limit->id, CgroupId{IdOf(kPathA)});
  EXPECT_EQ(resolved.limit->bytes, 4 * kMib);
  EXPECT_EQ(resolved.limit->usage_bytes, 4 * kMib);
  EXPECT_EQ(resolved.group_kill, false);
  EXPECT_THAT(resolved.missing, Contains("oom"));
}

TEST_F(ResolverTest, AnInferredPodLimit) {
  const ResolvedKill resolved = Resolved(Uncontexted(1, 0, 1));
  EXPECT_EQ(resolved.scope, Scope::kPod);
  EXPECT_TRUE(resolved.scope_inferred);
  EXPECT_EQ(resolved.limit->path, kPodPath);
}

TEST_F(ResolverTest, AnInferredGlobalOom) {
  const ResolvedKill resolved = Resolved(Uncontexted(1, 0, 0));
  EXPECT_EQ(resolved.scope, Scope::kNode);
  EXPECT_TRUE(resolved.scope_inferred);
  EXPECT_FALSE(resolved.limit);
}

TEST_F(ResolverTest, AnInferredIncidentIsSharedByMembersOnly) {
  const uint64_t first = Resolved(Uncontexted(1, 1, 0)).incident;
  EXPECT_EQ(Resolved(Uncontexted(2, 1, 0)).incident, first);
  EXPECT_NE(Resolved(Uncontexted(3, 2, 0)).incident, first);
}

// Above the sixteenth level nothing was read: the limit may be there.
TEST_F(ResolverTest, AnIncompleteChainProvesNoGlobalOom) {
  const ResolvedKill resolved = Resolved(KillRecord().Victim(1, "a").Level(5, "a"));
  EXPECT_FALSE(resolved.scope);
  EXPECT_FALSE(resolved.limit);
}

TEST_F(ResolverTest, WithoutCountersNothingIsInferred) {
  const ResolvedKill resolved =
      Resolved(KillRecord().Victim(1, "a").At(2000).Level(5, "a").Uncounted().Root().Uncounted());
  EXPECT_FALSE(resolved.scope);
  EXPECT_FALSE(resolved.scope_inferred);
  EXPECT_EQ(resolved.incident, 2000u);
}

// ---- OOMs without a kill ----

TEST_F(ResolverTest, AnOomWithoutKillIsNamedLikeAKill) {
  const CgroupId writer = Cgroup("/system.slice/kubelet.service");
  ASSERT_TRUE(index_.Walk().ok());
  const auto record = decode::DecodeRecord(fixtures::OomWithoutKillRecord()
                                               .Trigger(9, "kubelet", writer.value)
                                               .Suppressed(3)
                                               .Level(5, kContainerA)
                                               .Level(4, kPodName)
                                               .Root()
                                               .Bytes());
  ASSERT_TRUE(record.ok());
  const ResolvedOom resolved = resolver_.Resolve(std::get<model::OomWithoutKill>(*record));
  EXPECT_EQ(resolved.path, base::StrCat("/", kPodName, "/", kContainerA));
  EXPECT_EQ(resolved.identity.level, Level::kContainer);
  EXPECT_EQ(resolved.trigger_path, "/system.slice/kubelet.service");
  EXPECT_EQ(resolved.oom.suppressed, 3u);
}

}  // namespace
}  // namespace oomtrail::resolve
