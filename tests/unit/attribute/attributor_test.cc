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
  Attributor attributor_{directory_, clock_, {.name = "n", .boot_id = "b00", .has_sources = true}};
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
