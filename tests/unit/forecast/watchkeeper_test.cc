// What is read, when, and what is said of it: a node whose memory moves as a test says, second by
// second.
#include "agent/forecast/watchkeeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace oomtrail::forecast {
namespace {

using model::CgroupId;
using ::testing::ElementsAre;
using ::testing::Optional;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMib = 1024 * 1024;

struct Cgroup {
  WatchedCgroup watched;
  Usage usage;
  std::optional<uint64_t> inactive_file_bytes = 0;
  uint64_t limit_hits = 0;
  std::optional<double> stalled_share;
  bool gone = false;
  int usage_reads = 0;
  int working_set_reads = 0;
};

std::string HexId(char digit) { return std::string(64, digit); }

class WatchkeeperTest : public ::testing::Test {
 protected:
  Cgroup& Add(uint64_t id, const std::string& path, std::optional<uint64_t> limit,
              char container = 0) {
    Cgroup& cgroup = node_[id];
    cgroup.watched = {.id = {id}, .path = path, .identity = {}};
    cgroup.usage.limit_bytes = limit;
    if (container != 0) {
      cgroup.watched.identity.level = model::Level::kContainer;
      cgroup.watched.identity.container_id = model::ContainerId::Parse(HexId(container));
    }
    return cgroup;
  }
  void SetCgroups() {
    std::vector<WatchedCgroup> cgroups;
    for (const auto& [id, cgroup] : node_) cgroups.push_back(cgroup.watched);
    keeper_.SetCgroups(now_, std::move(cgroups));
  }

  // `each` moves the memory before each second's pass.
  void Run(
      int seconds, const std::function<void()>& each = [] {}) {
    for (int second = 0; second < seconds; ++second) {
      now_ += kSecond;
      each();
      Pass();
    }
  }
  void Pass() {
    for (const KillSeen& kill : ledger_.TakeKills()) keeper_.OnKill(kill);
    std::vector<UsageQuestion> due;
    keeper_.Due(now_, due);
    std::vector<std::optional<Usage>> usages;
    for (const UsageQuestion& question : due) {
      Cgroup& cgroup = node_.at(question.id.value);
      ++cgroup.usage_reads;
      usages.push_back(cgroup.gone ? std::nullopt : std::optional(cgroup.usage));
    }
    std::vector<NearQuestion> near;
    keeper_.Near(now_, usages, near);
    std::vector<NearReading> readings;
    near_ = 0;
    for (const NearQuestion& question : near) {
      Cgroup& cgroup = node_.at(question.id.value);
      NearReading& reading = readings.emplace_back();
      if (question.near) {
        ++near_;
        reading.limit_hits = cgroup.limit_hits;
        reading.stalled_share = cgroup.stalled_share;
      }
      if (!question.working_set) continue;
      ++cgroup.working_set_reads;
      reading.inactive_file_bytes = cgroup.inactive_file_bytes;
    }
    most_working_sets_ =
        std::max(most_working_sets_,
                 static_cast<size_t>(std::ranges::count_if(near, &NearQuestion::working_set)));
    keeper_.Judge(now_, readings, machine_);
    ledger_.Settle(now_);
    for (Notice& notice : ledger_.TakeNotices()) notices_.push_back(std::move(notice));
  }
  model::Warned Kill(const Cgroup& victim, std::optional<CgroupId> owner) {
    return ledger_.OnKill({.victim = victim.watched.id,
                           .victim_path = victim.watched.path,
                           .limit_owner = owner,
                           .boot_ns = now_,
                           .ended = {}});
  }
  CgroupTrend TrendOf(uint64_t id) const {
    for (CgroupTrend& trend : keeper_.Trends()) {
      if (trend.cgroup.id.value == id) return trend;
    }
    ADD_FAILURE() << "no trend of " << id;
    return {};
  }

  static constexpr size_t kMaxNear = 8;

  std::map<uint64_t, Cgroup> node_;
  NodeReading machine_;
  uint64_t now_ = 1000 * kSecond;
  WarningLedger ledger_;
  Watchkeeper keeper_{{}, ledger_, kMaxNear};
  std::vector<Notice> notices_;
  size_t near_ = 0;
  size_t most_working_sets_ = 0;
};

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

TEST_F(WatchkeeperTest, PageCacheIsNoGrowth) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  app.usage.usage_bytes = 40 * kMib;
  SetCgroups();
  Run(90, [&] {
    if (app.usage.usage_bytes < 510 * kMib) app.usage.usage_bytes += 8 * kMib;
    app.inactive_file_bytes = app.usage.usage_bytes - 40 * kMib;
  });
  EXPECT_TRUE(notices_.empty());
  EXPECT_EQ(TrendOf(2).working_set_bytes, 40 * kMib);
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

TEST_F(WatchkeeperTest, ACgroupThatGetsALimitLaterIsWatchedFromThenOn) {
  Cgroup& scratch = Add(5, "/scratch", std::nullopt);
  SetCgroups();
  Run(20);
  EXPECT_EQ(keeper_.targets(), 0u);
  scratch.usage.limit_bytes = 512 * kMib;
  Run(30);
  EXPECT_EQ(keeper_.targets(), 1u);
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

TEST_F(WatchkeeperTest, WhatIsFarFromItsLimitIsReadSeldom) {
  Cgroup& far = Add(1, "/far", 512 * kMib, 'a');
  Cgroup& busy = Add(2, "/busy", 512 * kMib, 'b');
  Cgroup& unlimited = Add(3, "/unlimited", std::nullopt, 'c');
  far.usage.usage_bytes = 100 * kMib;
  busy.usage.usage_bytes = 300 * kMib;
  SetCgroups();
  Run(40);  // the young are read every second
  far.usage_reads = busy.usage_reads = unlimited.usage_reads = 0;
  Run(100);
  EXPECT_EQ(busy.usage_reads, 100);
  EXPECT_EQ(far.usage_reads, 20);
  EXPECT_EQ(unlimited.usage_reads, 10);
}

TEST_F(WatchkeeperTest, AContainerInAPodNearItsLimitIsReadEverySecond) {
  Cgroup& pod = Add(1, "/pod", 512 * kMib);
  Cgroup& app = Add(2, "/pod/app", std::nullopt, 'a');
  pod.usage.usage_bytes = 400 * kMib;
  SetCgroups();
  Run(40);
  app.usage_reads = 0;
  Run(10);
  EXPECT_EQ(app.usage_reads, 10);
}

TEST_F(WatchkeeperTest, AStallAsksForASampleAtOnce) {
  Cgroup& far = Add(1, "/far", 512 * kMib, 'a');
  SetCgroups();
  Run(50);
  now_ += kSecond / 10;
  Pass();
  far.usage_reads = 0;
  keeper_.Hasten({1});
  keeper_.Hasten({777});  // nobody
  now_ += kSecond / 10;
  Pass();
  EXPECT_EQ(far.usage_reads, 1);
}

TEST_F(WatchkeeperTest, WorkingSetsAreReadInTurnAndNoneIsForgotten) {
  constexpr uint64_t kMany = 200;
  for (uint64_t id = 1; id <= kMany; ++id) {
    Cgroup& cgroup = Add(id, "/c" + std::to_string(id), 512 * kMib, 'a');
    cgroup.watched.identity.container_id.reset();
    cgroup.usage.usage_bytes = 480 * kMib;
    cgroup.inactive_file_bytes = id % 2 == 0 ? 400 * kMib : 0;
  }
  SetCgroups();
  Run(20);
  for (auto& [id, cgroup] : node_) cgroup.working_set_reads = 0;
  Run(20);
  EXPECT_EQ(most_working_sets_, Watchkeeper::kMaxWorkingSets);
  EXPECT_EQ(near_, kMaxNear);
  for (const auto& [id, cgroup] : node_) EXPECT_GE(cgroup.working_set_reads, 2) << id;
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

TEST_F(WatchkeeperTest, WhereWorkingSetsCannotBeReadUsageIsWarnedOf) {
  Cgroup& app = Add(2, "/pod/app", 512 * kMib, 'a');
  app.inactive_file_bytes.reset();
  SetCgroups();
  Run(60, [&] { app.usage.usage_bytes += 8 * kMib; });
  EXPECT_EQ(notices_.size(), 1u);
}

TEST_F(WatchkeeperTest, ANodeOfTooManyCgroupsIsWatchedInPartAndSaysSo) {
  std::vector<WatchedCgroup> cgroups;
  constexpr uint64_t kMany = WatchTree::kMaxMembers + 5;
  for (uint64_t id = 1; id <= kMany; ++id) {
    Cgroup& cgroup = Add(id, "/c" + std::to_string(id), 512 * kMib);
    cgroup.usage.usage_bytes = kMib;
  }
  SetCgroups();
  Run(2);
  EXPECT_EQ(keeper_.targets(), WatchTree::kMaxTargets);
  EXPECT_EQ(keeper_.left_out(), kMany - WatchTree::kMaxTargets);
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
