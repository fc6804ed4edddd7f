// What is read, and when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "agent/forecast/watchkeeper.h"
#include "tests/unit/forecast/watched_node.h"

namespace oomtrail::forecast {
namespace {

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

TEST_F(WatchkeeperTest, ACgroupThatGetsALimitLaterIsWatchedFromThenOn) {
  Cgroup& scratch = Add(5, "/scratch", std::nullopt);
  SetCgroups();
  Run(20);
  EXPECT_EQ(keeper_.targets(), 0u);
  scratch.usage.limit_bytes = 512 * kMib;
  Run(30);
  EXPECT_EQ(keeper_.targets(), 1u);
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

// More of them than working sets can be read in time: what is not known is not judged.
TEST_F(WatchkeeperTest, ACrowdOfPageCachesIsNoGrowthEither) {
  constexpr uint64_t kMany = 3000;
  for (uint64_t id = 1; id <= kMany; ++id) Add(id, "/c" + std::to_string(id), 512 * kMib);
  SetCgroups();
  Run(90, [&] {
    for (auto& [id, cgroup] : node_) {
      if (cgroup.usage.usage_bytes < 510 * kMib) cgroup.usage.usage_bytes += 8 * kMib;
      cgroup.inactive_file_bytes = cgroup.usage.usage_bytes;
    }
  });
  EXPECT_TRUE(notices_.empty());
}

}  // namespace
}  // namespace oomtrail::forecast
