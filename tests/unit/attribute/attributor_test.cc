#include "agent/attribute/attributor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/strings.h"
#include "agent/resolve/path_grammar.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using model::AttributionStatus;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// As the kubelet tells of it.
PodEntry Owned(const std::string& name, char uid) {
  PodEntry pod = Pod(name, uid, "");
  pod.facts.workload = model::Workload{"Rollout", "cart", false};
  pod.specs = {{.name = "api", .kind = model::ContainerKind::kApp, .memory_limit_bytes = 512}};
  return pod;
}

// Container '1' of pod 'a' is killed, by pids 1, 2, …
class AttributorTest : public testing::Test {
 protected:
  resolve::ResolvedKill Kill() {
    resolve::ResolvedKill resolved;
    resolved.kill.victim.pid = ++last_pid_;
    resolved.kill.boot_ns = clock_.BootNanos();
    resolved.path = base::StrCat("/kubepods/pod", UidText('a'), "/", HexId('1'));
    resolved.identity = resolve::ParseCgroupPath(resolved.path);
    return resolved;
  }
  model::Event KillOne() { return attributor_.Attribute(Kill()); }

  fakes::FakeClock clock_;
  PodDirectory directory_{clock_, {"cri", "kubelet"}};
  Attributor attributor_{directory_,
                         clock_,
                         {.name = "n", .boot_id = "b00", .has_sources = true, .cgroup_version = 2}};
  uint32_t last_pid_ = 0;
};

TEST_F(AttributorTest, WhatAllSourcesKnowWaitsForNothing) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("kubelet", Of({Owned("cart", 'a')}));
  const model::Event event = KillOne();
  EXPECT_EQ(event.attribution.status, AttributionStatus::kFull);
  EXPECT_THAT(event.attribution.sources, ElementsAre("cgroup_path", "cri", "kubelet"));
  EXPECT_EQ(event.pod->workload, (model::Workload{"Rollout", "cart", false}));
  EXPECT_EQ(event.container->memory_limit_bytes, 512u);
  EXPECT_FALSE(attributor_.wants_names());
}

TEST_F(AttributorTest, NamesFromTheRuntimeAreAmendedByWhatTheKubeletAdds) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  const model::Event first = KillOne();
  EXPECT_EQ(first.attribution.status, AttributionStatus::kFull) << "it waits for nobody";
  EXPECT_FALSE(first.pod->workload);
  EXPECT_TRUE(attributor_.wants_names());
  EXPECT_THAT(attributor_.Amend(), IsEmpty()) << "nothing is new";

  directory_.Update("kubelet", Of({Owned("cart", 'a')}));
  const auto amended = attributor_.Amend();
  ASSERT_THAT(amended, SizeIs(1));
  EXPECT_EQ(amended[0].id, first.id);
  EXPECT_EQ(amended[0].revision, 1u);
  EXPECT_EQ(amended[0].pod->workload->name, "cart");
  EXPECT_EQ(amended[0].container->kind, model::ContainerKind::kApp);
  EXPECT_FALSE(attributor_.wants_names());
}

TEST_F(AttributorTest, AKubeletThatAddsNothingAmendsNothing) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  KillOne();
  directory_.Update("kubelet", Of({Pod("cart", 'a', "")}));
  EXPECT_THAT(attributor_.Amend(), IsEmpty());
  EXPECT_FALSE(attributor_.wants_names());
}

TEST_F(AttributorTest, AKubeletThatDoesNotAnswerIsNotWaitedFor) {
  directory_.NoteSilent("kubelet");
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  KillOne();
  EXPECT_FALSE(attributor_.wants_names());
}

TEST_F(AttributorTest, AnEventWithItsNamesIsNotUnattributedWhenItsTimeIsUp) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  KillOne();
  clock_.Advance(seconds(31));
  EXPECT_THAT(attributor_.Amend(), IsEmpty());
  EXPECT_FALSE(attributor_.wants_names());
  EXPECT_THAT(attributor_.unattributed(), IsEmpty());
}

TEST_F(AttributorTest, NamesComePodFirstThenContainerThenTheRest) {
  EXPECT_EQ(KillOne().attribution.status, AttributionStatus::kPartial);
  directory_.Update("kubelet", Of({Pod("cart", 'a', "")}));
  auto amended = attributor_.Amend();
  ASSERT_THAT(amended, SizeIs(1));
  EXPECT_THAT(amended[0].attribution.missing, ElementsAre("container.name"));
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  amended = attributor_.Amend();
  ASSERT_THAT(amended, SizeIs(1));
  EXPECT_EQ(amended[0].revision, 2u);
  EXPECT_EQ(amended[0].attribution.status, AttributionStatus::kFull);
  EXPECT_FALSE(attributor_.wants_names());
}

TEST_F(AttributorTest, ASourceThatContradictsThePathTakesNoNameBack) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  KillOne();
  directory_.Update("cri", Of({Pod("thief", 'b', "1")}));
  EXPECT_THAT(attributor_.Amend(), IsEmpty());
}

TEST_F(AttributorTest, ANameThatNeverComesIsCountedWhenItsTimeIsUp) {
  KillOne();
  clock_.Advance(seconds(31));
  EXPECT_THAT(attributor_.Amend(), IsEmpty());
  EXPECT_THAT(attributor_.unattributed(), ElementsAre(testing::Pair("not_known_in_time", 1)));
}

TEST_F(AttributorTest, WhereNobodyHasNamesNothingWaitsUntilSomebodyComes) {
  Attributor alone(directory_, clock_, {.name = "n", .boot_id = "b00"});
  const model::Event event = alone.Attribute(Kill());
  EXPECT_EQ(event.attribution.reason, "no name source: neither runtime nor kubelet is asked");
  EXPECT_FALSE(alone.wants_names());
  EXPECT_THAT(alone.unattributed(), ElementsAre(testing::Pair("no_source", 1)));
  alone.ExpectNames();
  EXPECT_EQ(alone.Attribute(Kill()).attribution.reason, "no name source knows this container");
  EXPECT_TRUE(alone.wants_names());
}

// A warning of the same container, and what it comes to.
forecast::Notice Notice(std::optional<model::WarningOutcome> outcome = std::nullopt) {
  forecast::Notice notice{.id = "w/7", .revision = outcome ? 1U : 0U, .boot_ns = 1'000};
  notice.cgroup.id = {24};
  notice.cgroup.path = base::StrCat("/kubepods/pod", UidText('a'), "/", HexId('1'));
  notice.cgroup.identity = resolve::ParseCgroupPath(notice.cgroup.path);
  notice.limit = {.path = notice.cgroup.path, .bytes = 512, .usage_bytes = outcome ? 512U : 400U};
  notice.warning.outcome = outcome;
  return notice;
}

TEST_F(AttributorTest, AWarningIsNamedAsAKillIs) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("kubelet", Of({Owned("cart", 'a')}));
  const model::Event event = attributor_.Attribute(Notice());
  EXPECT_EQ(event.kind, model::Kind::kEarlyWarning);
  EXPECT_EQ(event.id, "b00-w-7");
  EXPECT_EQ(event.boot_ns, 1'000u);
  EXPECT_EQ(event.cgroup_version, 2);
  EXPECT_EQ(event.attribution.status, AttributionStatus::kFull);
  EXPECT_EQ(event.pod->name, "cart");
  EXPECT_EQ(event.limit->usage_bytes, 400u);
  EXPECT_TRUE(event.warning);
  EXPECT_FALSE(event.victim);
}

TEST_F(AttributorTest, TheRevisionsOfAWarningRiseWhateverAmendsIt) {
  EXPECT_EQ(attributor_.Attribute(Notice()).revision, 0u);
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  auto amended = attributor_.Amend();
  ASSERT_THAT(amended, SizeIs(1));
  EXPECT_EQ(amended[0].revision, 1u);

  const model::Event end = attributor_.Attribute(Notice(model::WarningOutcome::kReceded));
  EXPECT_EQ(end.revision, 2u) << "although the lookout counts 1";
  EXPECT_EQ(end.limit->usage_bytes, 512u);

  directory_.Update("kubelet", Of({Owned("cart", 'a')}));
  amended = attributor_.Amend();
  ASSERT_THAT(amended, SizeIs(1));
  EXPECT_EQ(amended[0].revision, 3u);
  EXPECT_EQ(amended[0].pod->workload->name, "cart");
  EXPECT_EQ(amended[0].warning->outcome, model::WarningOutcome::kReceded)
      << "names take no outcome back";
}

TEST_F(AttributorTest, AnOutcomeKeepsNamesThatTheDirectoryHasForgotten) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  attributor_.Attribute(Notice());
  directory_.Update("cri", Of({}));
  clock_.Advance(std::chrono::hours(1));
  directory_.Update("cri", Of({}));
  const model::Event end = attributor_.Attribute(Notice(model::WarningOutcome::kExpired));
  EXPECT_EQ(end.attribution.status, AttributionStatus::kFull);
  EXPECT_EQ(end.container->name, "api");
}

TEST_F(AttributorTest, TheOutcomeOfAnUnknownWarningIsToldAsTheLookoutCountsIt) {
  EXPECT_EQ(attributor_.Attribute(Notice(model::WarningOutcome::kKilled)).revision, 1u);
  EXPECT_FALSE(attributor_.wants_names()) << "a second count of revisions would begin";
}

TEST_F(AttributorTest, AWarningWithoutNamesIsNoUnattributedKill) {
  attributor_.Attribute(Notice());
  clock_.Advance(seconds(31));
  EXPECT_THAT(attributor_.Amend(), IsEmpty());
  EXPECT_THAT(attributor_.unattributed(), IsEmpty());
}

TEST_F(AttributorTest, WarningsThatStandAreBounded) {
  for (size_t i = 0; i < Attributor::kMaxStanding + 10; ++i) {
    forecast::Notice notice = Notice();
    notice.id = base::StrCat("w", i);
    EXPECT_EQ(attributor_.Attribute(notice).revision, 0u);
  }
  forecast::Notice end = Notice(model::WarningOutcome::kExpired);
  end.id = base::StrCat("w", Attributor::kMaxStanding + 9);
  EXPECT_EQ(attributor_.Attribute(end).revision, 1u);
}

TEST_F(AttributorTest, AKillNamesItsWarningAndKeepsItWhenItIsAmended) {
  const model::Event kill = attributor_.Attribute(
      Kill(), model::Warned{.warned = true, .id = "w/7", .seconds_before = 42});
  EXPECT_EQ(kill.warned->id, attributor_.Attribute(Notice()).id);
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  const auto amended = attributor_.Amend();
  ASSERT_THAT(amended, SizeIs(2));
  EXPECT_EQ(amended[0].warned->seconds_before, 42);
  EXPECT_FALSE(KillOne().warned) << "nobody looked out for it";
}

TEST_F(AttributorTest, OfTooManyThatWaitTheOldestStaysAsItIs) {
  for (size_t i = 0; i < Attributor::kMaxPending + 3; ++i) KillOne();
  EXPECT_THAT(attributor_.unattributed(), ElementsAre(testing::Pair("too_many_waiting", 3)));
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  EXPECT_THAT(attributor_.Amend(), SizeIs(Attributor::kMaxPending));
}

TEST_F(AttributorTest, WhatOnlyMightBeAmendedMakesNoRoomOfANameless) {
  for (size_t i = 0; i < Attributor::kMaxPending; ++i) KillOne();
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  EXPECT_EQ(KillOne().attribution.status, AttributionStatus::kFull);
  EXPECT_THAT(attributor_.unattributed(), IsEmpty());
  EXPECT_THAT(attributor_.Amend(), SizeIs(Attributor::kMaxPending));
}

}  // namespace
}  // namespace oomtrail::attribute
