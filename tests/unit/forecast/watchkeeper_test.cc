// What is said of a node whose memory moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "agent/forecast/watchkeeper.h"
#include "tests/unit/forecast/watched_node.h"

namespace oomtrail::forecast {
namespace {

using model::CgroupId;
using ::testing::ElementsAre;
using ::testing::Optional;

TEST_F(WatchkeeperTest, AContainersLeakIsToldAndSoIsTheKill) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  SetCgroups();
  Run(60, [&] { app.usage.usage_bytes += 8 * kMib; });
  ASSERT_EQ(notices_.size(), 1u);
  const Notice& told = notices_[0];
  EXPECT_EQ(told.id, "w/2/" + std::to_string(told.boot_ns));
  EXPECT_EQ(told.revision, 0u);
  EXPECT_EQ(told.scope, model::Scope::kContainer);
  EXPECT_EQ(told.cgroup.path, "/pod/app");
  EXPECT_EQ(told.limit.path, "/pod/app");
  EXPECT_THAT(told.limit.bytes, Optional(512 * kMib));
  EXPECT_TRUE(told.limit.usage_bytes);
  EXPECT_NEAR(told.warning.trend.growth_bytes_per_second, 8.0 * kMib, 1.0 * kMib);
  EXPECT_TRUE(TrendOf(2).warned);

  EXPECT_TRUE(Kill(app, CgroupId{2}).warned);
  app.usage.usage_bytes = kMib;
  Run(5);
  ASSERT_EQ(notices_.size(), 2u);
  EXPECT_EQ(notices_[1].warning.outcome, model::WarningOutcome::kKilled);
  EXPECT_FALSE(TrendOf(2).warned);
}

TEST_F(WatchkeeperTest, APodsWarningNamesTheContainerThatGrewMost) {
  Cgroup& pod = Add(1, "/pod", 512 * kMib);
  pod.watched.identity.level = model::Level::kPod;
  pod.watched.identity.pod_uid = model::PodUid::Parse("01234567-89ab-cdef-0123-456789abcdef");
  Cgroup& big = Add(2, "/pod/big", std::nullopt, 'a');
  Cgroup& growing = Add(3, "/pod/growing", std::nullopt, 'b');
  Cgroup& elsewhere = Add(4, "/other", std::nullopt, 'c');
  growing.watched.identity.pod_uid = pod.watched.identity.pod_uid;
  big.usage.usage_bytes = 100 * kMib;
  pod.usage.usage_bytes = 100 * kMib;
  SetCgroups();
  Run(50, [&] {
    growing.usage.usage_bytes += 8 * kMib;
    elsewhere.usage.usage_bytes += 80 * kMib;
    pod.usage.usage_bytes += 8 * kMib;
  });
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_EQ(notices_[0].cgroup.path, "/pod/growing");
  EXPECT_EQ(notices_[0].limit.path, "/pod");
  EXPECT_EQ(notices_[0].scope, model::Scope::kPod);
  EXPECT_TRUE(TrendOf(3).warned);
  EXPECT_EQ(TrendOf(3).limit->path, "/pod") << "the one of its chain that is reached first";
  EXPECT_FALSE(TrendOf(2).warned);
}

TEST_F(WatchkeeperTest, WhatAContainerMakesInsideItselfIsNotAnotherContainer) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  Cgroup& inside = Add(3, "/pod/app/init.scope", std::nullopt, 'a');
  SetCgroups();
  Run(50, [&] {
    app.usage.usage_bytes += 8 * kMib;
    inside.usage.usage_bytes += 8 * kMib;
  });
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_EQ(notices_[0].cgroup.path, "/pod/app");
  EXPECT_EQ(keeper_.targets(), 1u);
}

TEST_F(WatchkeeperTest, AContainerIsNotWarnedOfAtTwoLevelsAtATime) {
  Cgroup& pod = Add(1, "/pod", 512 * kMib);
  Cgroup& app = Add(2, "/pod/app", 480 * kMib, 'a');
  SetCgroups();
  Run(50, [&] {
    app.usage.usage_bytes += 8 * kMib;
    pod.usage.usage_bytes += 8 * kMib;
  });
  ASSERT_EQ(notices_.size(), 1u);
  const std::string first = notices_[0].limit.path;
  // Where the first one's limit goes, the other one is news.
  (first == "/pod" ? pod : app).usage.limit_bytes.reset();
  Run(3, [&] {
    app.usage.usage_bytes += 8 * kMib;
    pod.usage.usage_bytes += 8 * kMib;
  });
  ASSERT_GE(notices_.size(), 2u);
  EXPECT_NE(notices_[1].limit.path, first);
}

TEST_F(WatchkeeperTest, TheNodesOwnMemoryIsALimitToo) {
  Cgroup& app = Add(2, "/pod/app", std::nullopt, 'a');
  SetCgroups();
  machine_.usage = {.usage_bytes = 1024 * kMib, .limit_bytes = 2048 * kMib};
  Run(100, [&] {
    app.usage.usage_bytes += 8 * kMib;
    machine_.usage->usage_bytes += 8 * kMib;
  });
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_EQ(notices_[0].scope, model::Scope::kNode);
  EXPECT_EQ(notices_[0].cgroup.path, "/pod/app");
  EXPECT_THAT(notices_[0].limit.bytes, Optional(2048 * kMib));
  EXPECT_FALSE(notices_[0].limit.id);
}

TEST_F(WatchkeeperTest, ALimitThatIsNobodysContainersNamesItsOwner) {
  Cgroup& slice = Add(5, "/batch.slice", 512 * kMib);
  SetCgroups();
  Run(50, [&] { slice.usage.usage_bytes += 8 * kMib; });
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_EQ(notices_[0].cgroup.path, "/batch.slice");
  EXPECT_EQ(notices_[0].scope, model::Scope::kHost);
}

TEST_F(WatchkeeperTest, AnAnnotationTurnsWarningsOff) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  SetCgroups();
  Run(1);
  keeper_.SetRules({{HexId('a'), {.on = false}}});
  Run(50, [&] { app.usage.usage_bytes += 8 * kMib; });
  EXPECT_TRUE(notices_.empty());
  keeper_.SetRules({});
  Run(10, [&] { app.usage.usage_bytes += 8 * kMib; });
  EXPECT_EQ(notices_.size(), 1u);
}

TEST_F(WatchkeeperTest, ARuleOfThePodHoldsForItsContainerUnlessThatHasItsOwn) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  const auto uid = model::PodUid::Parse("01234567-89ab-cdef-0123-456789abcdef");
  app.watched.identity.pod_uid = uid;
  keeper_.SetRules({{uid->str(), {.on = false}}, {HexId('a'), {}}});
  SetCgroups();
  Run(50, [&] { app.usage.usage_bytes += 8 * kMib; });
  EXPECT_EQ(notices_.size(), 1u);
}

TEST_F(WatchkeeperTest, AWarningTellsHowOftenTheLimitWasMet) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  app.limit_hits = 1000;
  SetCgroups();
  Run(60, [&] {
    app.usage.usage_bytes += 8 * kMib;
    if (app.usage.usage_bytes > 360 * kMib) app.limit_hits += 2;
  });
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_LE(notices_[0].warning.limit_hits.value_or(0), 20u) << "of late, not ever";
}

TEST_F(WatchkeeperTest, WithTheCgroupItsWarningEndsUnlessAKillComesToLight) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  SetCgroups();
  Run(50, [&] { app.usage.usage_bytes += 8 * kMib; });
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(keeper_.SetCgroups(now_, {}), ElementsAre(CgroupId{2}));
  Run(1);
  EXPECT_EQ(notices_.size(), 1u) << "not yet";
  Run(2);
  ASSERT_EQ(notices_.size(), 2u);
  EXPECT_EQ(notices_[1].warning.outcome, model::WarningOutcome::kExpired);
  EXPECT_EQ(keeper_.targets(), 0u);
  EXPECT_TRUE(keeper_.Trends().empty());
}

TEST_F(WatchkeeperTest, AKillThatIsHeardOfAfterItsCgroupWentIsTheWarningsEnd) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  SetCgroups();
  Run(50, [&] { app.usage.usage_bytes += 8 * kMib; });
  keeper_.SetCgroups(now_, {});
  EXPECT_TRUE(Kill(app, CgroupId{2}).warned);
  Run(5);
  ASSERT_EQ(notices_.size(), 2u);
  EXPECT_EQ(notices_[1].warning.outcome, model::WarningOutcome::kKilled);
}

TEST_F(WatchkeeperTest, WhatCannotBeReadAnyMoreIsGoneWhateverTheListSays) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  SetCgroups();
  Run(50, [&] { app.usage.usage_bytes += 8 * kMib; });
  app.gone = true;
  Run(10);
  ASSERT_EQ(notices_.size(), 2u);
  EXPECT_EQ(notices_[1].warning.outcome, model::WarningOutcome::kExpired);
  EXPECT_TRUE(keeper_.Trends().empty());
}

TEST_F(WatchkeeperTest, NumbersThatMakeNoSenseHarmNobody) {
  Cgroup& zero = Add(1, "/zero", 0, 'a');
  Cgroup& huge = Add(2, "/\xff\x01\n/huge", UINT64_MAX, 'b');
  Add(3, "", std::nullopt);
  Add(4, "/", std::nullopt);
  Add(5, "no slash", 1);
  huge.limit_hits = UINT64_MAX;
  huge.inactive_file_bytes = UINT64_MAX;
  huge.stalled_share = 1;
  SetCgroups();
  keeper_.SetCgroups(now_, {{.id = {}, .path = "/unknown", .identity = {}}});
  SetCgroups();
  Run(40, [&] {
    zero.usage.usage_bytes = UINT64_MAX - zero.usage.usage_bytes;
    huge.usage.usage_bytes = UINT64_MAX - huge.usage.usage_bytes;
    huge.limit_hits = UINT64_MAX - huge.limit_hits;
  });
  Kill(huge, CgroupId{999});
  Kill(zero, std::nullopt);
  Run(3);
  EXPECT_EQ(keeper_.Trends().size(), 3u);
}

}  // namespace
}  // namespace oomtrail::forecast
