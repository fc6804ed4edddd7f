// Which series there are: from when on, until when, and how many.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/publish/metrics_fixture.h"

namespace oomtrail::publish {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

using MetricsSeriesTest = MetricsTest;

const ContainerName kCart = {"shop", "cart-7d9f", "api"};
constexpr std::string_view kDropped = "oomtrail_series_dropped_total";

Metrics::Options Room(size_t series) {
  return {.has_sources = true, .series = {.max_series = series}};
}

TEST_F(MetricsSeriesTest, AListedContainerBeginsAtZero) {
  metrics_.SetContainers({kCart});
  for (const std::string_view scope : {"container", "pod", "ancestor", "node"}) {
    EXPECT_EQ(Value(Kills("shop", "cart-7d9f", "api", scope)), "0") << scope;
  }
  EXPECT_EQ(Value(Kills("shop", "cart-7d9f", "api", "cpuset")), "absent");
  metrics_.Count(FullKill());
  EXPECT_EQ(Value(kCartKills), "1");
}

TEST_F(MetricsSeriesTest, ListingItAgainChangesNothing) {
  metrics_.SetContainers({kCart});
  metrics_.Count(FullKill());
  metrics_.SetContainers({kCart, kCart});
  EXPECT_EQ(Value(kCartKills), "1");
}

TEST_F(MetricsSeriesTest, AContainerWithoutAllItsNamesIsNotListed) {
  metrics_.SetContainers({{"", "", ""}, {"shop", "", "api"}, {"shop", "cart-7d9f", ""}});
  EXPECT_EQ(Value(Kills("shop", "", "api", "container")), "absent");
  EXPECT_EQ(Value(Kills("shop", "cart-7d9f", "", "container")), "absent");
  EXPECT_EQ(Value(Kills("", "", "", "ancestor")), "0");
}

TEST_F(MetricsSeriesTest, SeriesOutliveTheirContainerByAnHour) {
  metrics_.SetContainers({kCart, {"shop", "db-0", "postgres"}});
  metrics_.Count(FullKill());
  metrics_.SetContainers({{"shop", "db-0", "postgres"}});
  clock_.Advance(hours(1) - seconds(1));
  metrics_.Tick();
  EXPECT_EQ(Value(kCartKills), "1");
  clock_.Advance(seconds(1));
  metrics_.Tick();
  EXPECT_EQ(Value(kCartKills), "absent");
  EXPECT_EQ(Value(Kills("shop", "db-0", "postgres", "container")), "0") << "it is still listed";
}

TEST_F(MetricsSeriesTest, AContainerThatComesBackGoesOnCounting) {
  metrics_.SetContainers({kCart});
  metrics_.Count(FullKill());
  metrics_.SetContainers({});
  clock_.Advance(minutes(59));
  metrics_.SetContainers({kCart});
  clock_.Advance(hours(2));
  metrics_.Tick();
  EXPECT_EQ(Value(kCartKills), "1");
}

TEST_F(MetricsSeriesTest, AKillBeginsTheHourAnew) {
  metrics_.SetContainers({kCart});
  metrics_.SetContainers({});
  clock_.Advance(minutes(59));
  metrics_.Count(FullKill());
  clock_.Advance(minutes(59));
  metrics_.Tick();
  EXPECT_EQ(Value(kCartKills), "1");
  clock_.Advance(minutes(1));
  metrics_.Tick();
  EXPECT_EQ(Value(kCartKills), "absent");
}

TEST_F(MetricsSeriesTest, AKilledContainerThatNobodyListsGoesToo) {
  metrics_.Count(FullKill());
  metrics_.Count(Numbered(HostKill(), 2));
  clock_.Advance(hours(1));
  metrics_.Tick();
  EXPECT_EQ(Value(kCartKills), "absent");
  EXPECT_EQ(Value(Kills("", "", "", "host")), "1") << "what has no container never goes";
}

TEST_F(MetricsSeriesTest, WhatFindsNoRoomIsCountedUnderEmptyNames) {
  Metrics metrics(clock_, Room(2));
  for (int i = 0; i < 5; ++i) {
    metrics.Count(Of(Numbered(FullKill(), i), "shop", base::StrCat("cart-", i), "api"));
  }
  EXPECT_EQ(Value(metrics, Kills("shop", "cart-1", "api", "container")), "1");
  EXPECT_EQ(Value(metrics, Kills("shop", "cart-2", "api", "container")), "absent");
  EXPECT_EQ(Value(metrics, kNamelessKills), "3");
  EXPECT_EQ(Value(metrics, kDropped), "3");
  // Those that have their series keep it.
  metrics.Count(Of(Numbered(FullKill(), 9), "shop", "cart-0", "api"));
  EXPECT_EQ(Value(metrics, Kills("shop", "cart-0", "api", "container")), "2");
  EXPECT_EQ(AllKills(metrics), 6U);
}

TEST_F(MetricsSeriesTest, AZeroMakesRoomForAKillTheGoneOnesFirst) {
  Metrics metrics(clock_, Room(8));
  metrics.SetContainers({{"shop", "gone-0", "api"}, {"shop", "here-0", "api"}});
  metrics.SetContainers({{"shop", "here-0", "api"}});
  metrics.Count(FullKill());
  EXPECT_EQ(Value(metrics, Kills("shop", "gone-0", "api", "container")), "absent");
  EXPECT_EQ(Value(metrics, Kills("shop", "here-0", "api", "container")), "0");
  for (int i = 0; i < 7; ++i) {
    metrics.Count(Of(Numbered(FullKill(), i), "shop", base::StrCat("cart-", i), "api"));
  }
  EXPECT_EQ(Value(metrics, Kills("shop", "here-0", "api", "container")), "absent");
  EXPECT_EQ(Value(metrics, kDropped), "0");
  EXPECT_EQ(Value(metrics, Kills("shop", "cart-6", "api", "container")), "1");
  EXPECT_EQ(AllKills(metrics), 8U);
}

TEST_F(MetricsSeriesTest, AKillMayTakeTheRoomOfItsOwnContainersZeros) {
  Metrics metrics(clock_, Room(4));
  metrics.SetContainers({kCart});
  metrics.Count(NodeKill(model::Scope::kCpuset, model::Constraint::kCpuset, 0));
  EXPECT_EQ(Value(metrics, Kills("shop", "cart-7d9f", "api", "cpuset")), "1");
  EXPECT_EQ(Value(metrics, kCartKills), "absent");
  EXPECT_EQ(Value(metrics, kDropped), "0");
}

TEST_F(MetricsSeriesTest, ZerosNeverExceedTheRoomNorPushAnyoneOut) {
  Metrics metrics(clock_, Room(10));
  metrics.Count(FullKill());
  metrics.SetContainers({{"a", "a", "a"}, {"b", "b", "b"}, {"c", "c", "c"}});
  EXPECT_EQ(Value(metrics, kCartKills), "1");
  EXPECT_EQ(Value(metrics, Kills("b", "b", "b", "node")), "0");
  EXPECT_EQ(Value(metrics, Kills("c", "c", "c", "node")), "absent");
  // What is gone makes room for what is there.
  metrics.SetContainers({{"b", "b", "b"}, {"c", "c", "c"}});
  EXPECT_EQ(Value(metrics, Kills("a", "a", "a", "node")), "absent");
  EXPECT_EQ(Value(metrics, Kills("c", "c", "c", "node")), "0");
}

TEST_F(MetricsSeriesTest, RoomIsFreeAgainWhenAContainersTimeIsUp) {
  Metrics metrics(clock_, Room(1));
  metrics.Count(FullKill());
  clock_.Advance(hours(1));
  metrics.Tick();
  metrics.Count(Of(Numbered(FullKill(), 2), "shop", "db-0", "postgres"));
  EXPECT_EQ(Value(metrics, Kills("shop", "db-0", "postgres", "container")), "1");
  EXPECT_EQ(Value(metrics, kDropped), "0");
}

}  // namespace
}  // namespace oomtrail::publish
