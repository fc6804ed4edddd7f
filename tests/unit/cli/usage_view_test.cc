#include "agent/cli/usage_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "agent/base/strings.h"
#include "agent/cli/display_width.h"

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kMiB = 1 << 20;
constexpr int64_t kTime = 1'795'239'667;  // 2026-11-21T05:41:07Z

v1::Usage Container(const std::string& pod, uint64_t id, uint64_t used_mib, double growth) {
  v1::Usage usage;
  usage.mutable_pod()->set_namespace_("shop");
  usage.mutable_pod()->set_name(pod);
  usage.mutable_container()->set_name("api");
  usage.mutable_cgroup()->set_id(id);
  usage.mutable_cgroup()->set_path("/kubepods/" + pod);
  usage.set_usage_bytes((used_mib + 20) * kMiB);
  usage.set_working_set_bytes(used_mib * kMiB);
  usage.mutable_limit()->set_path("/kubepods/" + pod);
  usage.mutable_limit()->set_bytes(512 * kMiB);
  usage.mutable_limit()->set_usage_bytes((used_mib + 20) * kMiB);
  usage.set_growth_bytes_per_second(growth);
  usage.set_confidence(0.9);
  return usage;
}

v1::ListUsageResponse Node() {
  v1::ListUsageResponse now;
  now.mutable_time()->set_seconds(kTime);
  now.mutable_tracking()->set_mode(v1::TRACKING_MODE_OFF);
  v1::Usage leak = Container("cart-7d9f", 24871, 480, 1'258'291);
  leak.set_seconds_to_limit(42.25);
  leak.set_warned(true);
  *now.add_usages() = leak;
  v1::Usage slow = Container("search-5f6b", 24990, 200, 2048);
  slow.set_seconds_to_limit(12'000);
  // The pod's limit is nearer than its own.
  slow.mutable_limit()->set_path("/kubepods");
  *now.add_usages() = slow;
  *now.add_usages() = Container("db-0", 25001, 300, -4096);
  v1::Usage unit;
  unit.mutable_cgroup()->set_id(1433);
  unit.mutable_cgroup()->set_path("/system.slice/rsyslog.service");
  unit.set_working_set_bytes(3 * kMiB);
  *now.add_usages() = unit;
  return now;
}

v1::KernelAllocations Kernel(double bytes, double error) {
  v1::KernelAllocations kernel;
  kernel.set_allocated_bytes(bytes);
  kernel.set_relative_error(error);
  return kernel;
}

// The same with allocations followed, `mib` MiB further.
v1::ListUsageResponse Tracked(int64_t seconds, double mib) {
  v1::ListUsageResponse now = Node();
  now.mutable_time()->set_seconds(kTime + seconds);
  now.mutable_tracking()->set_mode(v1::TRACKING_MODE_ADAPTIVE);
  now.mutable_tracking()->set_one_in(500);
  now.mutable_tracking()->set_events_per_second(987.6);
  *now.mutable_usages(0)->mutable_kernel() = Kernel(mib * kMiB, 0.1);
  v1::ProcessUsage* process = now.add_processes();
  process->set_pid(4312);
  process->set_comm("java");
  process->set_cgroup_id(24871);
  process->set_anon_rss_bytes(450 * kMiB);
  process->set_file_rss_bytes(8 * kMiB);
  *process->mutable_kernel() = Kernel(mib * kMiB, 0);
  v1::ProcessUsage* other = now.add_processes();
  other->set_pid(77);
  other->set_comm("kworker");
  return now;
}

TEST(UsageViewTest, WhoReachesALimitFirstStandsFirst) {
  EXPECT_EQ("\n" + UsageTable(Node(), std::nullopt, {.columns = 80}), R"(
05:41:07 UTC  watched 4, warned 1

NAMESPACE/POD         CONTAINER    USAGE    LIMIT    %    GROWTH TO-LIMIT WARNED
shop/cart-7d9f        api         480.0M   512.0M  94%    1.2M/s      42s yes
shop/search-5f6b      api         200.0M  512.0M^  43%    2.0K/s    3h20m -
/system.slice/rsyslo… -             3.0M        -    -      0B/s        - -
shop/db-0             api         300.0M   512.0M  59%   -4.0K/s        - -
)");
}

TEST(UsageViewTest, AWideTerminalIsForLongNames) {
  const std::string table = UsageTable(Node(), std::nullopt, {.columns = 120});
  EXPECT_THAT(table, HasSubstr("/system.slice/rsyslog.service "));
  EXPECT_THAT(table, HasSubstr("shop/search-5f6b "));
}

TEST(UsageViewTest, RatesStandBesideContainersAndProcesses) {
  EXPECT_EQ("\n" + UsageTable(Tracked(2, 30), Tracked(0, 10), {.columns = 100}), R"(
05:41:09 UTC  watched 4, warned 1, following 1 in 500 allocations (988 a second)

NAMESPACE/POD              CONTAINER    USAGE    LIMIT    %    GROWTH TO-LIMIT WARNED    KERNEL-RATE
shop/cart-7d9f             api         480.0M   512.0M  94%    1.2M/s      42s yes      10.0M/s ±14%
shop/search-5f6b           api         200.0M  512.0M^  43%    2.0K/s    3h20m -                   -
/system.slice/rsyslog.ser… -             3.0M        -    -      0B/s        - -                   -
shop/db-0                  api         300.0M   512.0M  59%   -4.0K/s        - -                   -

PROCESS OF                                               PID COMM                 RSS    KERNEL-RATE
shop/cart-7d9f api                                      4312 java              458.0M    10.0M/s ±0%
-                                                         77 kworker                -              -
)");
}

TEST(UsageViewTest, ANarrowTerminalHasTheRateInThePlaceOfTheWarning) {
  const std::string table = UsageTable(Tracked(2, 30), Tracked(0, 10), {.columns = 80});
  EXPECT_THAT(table, HasSubstr(" KERNEL-RATE\n"));
  EXPECT_THAT(table, HasSubstr(" 10.0M/s ±14%\n"));
  EXPECT_THAT(table, Not(HasSubstr("WARNED")));
}

TEST(UsageViewTest, ItCanBeInAnotherOrder) {
  const auto first = [](const v1::ListUsageResponse& now, TopOptions::Sort sort) {
    const std::string table = UsageTable(now, std::nullopt, {.sort = sort, .columns = 120});
    const auto lines = base::StrSplit(table, '\n');
    return std::string(lines[3].substr(0, lines[3].find(' ')));
  };
  v1::ListUsageResponse now = Node();
  now.mutable_usages(2)->set_growth_bytes_per_second(5e6);
  EXPECT_EQ(first(now, TopOptions::Sort::kLimit), "shop/cart-7d9f");
  EXPECT_EQ(first(now, TopOptions::Sort::kGrowth), "shop/db-0");
  now.mutable_usages(1)->set_working_set_bytes(600 * kMiB);
  EXPECT_EQ(first(now, TopOptions::Sort::kUsage), "shop/search-5f6b");
  *now.mutable_usages(3)->mutable_kernel() = Kernel(1, 0);
  EXPECT_EQ(first(now, TopOptions::Sort::kKernel), "/system.slice/rsyslog.service");
}

TEST(UsageViewTest, NothingOverflowsATerminal) {
  v1::ListUsageResponse now = Tracked(2, 30);
  for (int i = 0; i < 300; ++i) *now.add_usages() = Node().usages(0);
  for (int i = 0; i < 300; ++i) *now.add_processes() = now.processes(0);
  for (int rows = 1; rows <= 60; ++rows) {
    for (const int columns : {1, 20, 80, 200}) {
      const std::string table = UsageTable(now, std::nullopt, {.columns = columns, .rows = rows});
      const auto lines = std::count(table.begin(), table.end(), '\n');
      EXPECT_LE(lines, std::max(rows, 20)) << rows;
      for (const std::string_view line : base::StrSplit(table, '\n')) {
        EXPECT_LE(DisplayWidth(line), columns) << line;
      }
    }
  }
}

TEST(UsageViewTest, OnlyATerminalIsColoured) {
  EXPECT_THAT(UsageTable(Node(), std::nullopt, {}), Not(HasSubstr("\x1b")));
  v1::ListUsageResponse now = Node();
  EXPECT_THAT(UsageTable(now, std::nullopt, {.color = true}), HasSubstr("\x1b[1;33mshop/cart"));
  now.mutable_usages(0)->set_seconds_to_limit(7);
  EXPECT_THAT(UsageTable(now, std::nullopt, {.color = true}), HasSubstr("\x1b[1;31mshop/cart"));
}

TEST(UsageViewTest, ThatAllocationsAreNotFollowedIsSaid) {
  v1::ListUsageResponse now = Node();
  now.mutable_tracking()->set_error("no BTF");
  EXPECT_THAT(UsageTable(now, std::nullopt, {.columns = 120}),
              HasSubstr("allocations are not followed: no BTF"));
}

TEST(KernelRateTest, ErrorsOfApartTimesAddUp) {
  const auto rate = RateBetween(Kernel(1000, 0.3), Kernel(3000, 0.1666667), 2);
  ASSERT_TRUE(rate);
  EXPECT_DOUBLE_EQ(rate->bytes_per_second, 1000);
  EXPECT_NEAR(rate->error, 200, 0.1);  // of 500² − 300², over 2 s
}

TEST(KernelRateTest, ThereIsNoneWhereNothingCanBeSaid) {
  EXPECT_FALSE(RateBetween(Kernel(10, 0), Kernel(20, 0), 0));
  EXPECT_FALSE(RateBetween(Kernel(10, 0), Kernel(20, 0), -1));
  EXPECT_FALSE(RateBetween(Kernel(20, 0), Kernel(10, 0), 1)) << "begun anew";
  EXPECT_FALSE(RateBetween(Kernel(0, 0), Kernel(NAN, 0), 1));
  EXPECT_FALSE(RateBetween(Kernel(0, 0), Kernel(INFINITY, 0), 1));
  EXPECT_EQ(RateBetween(Kernel(10, 0.5), Kernel(20, 0), 1)->error, 0) << "never less than nothing";
}

TEST(UsageJsonTest, HasNumbersAsNumbersAndLeavesOutWhatIsNotKnown) {
  const std::string line = UsageJson(Tracked(2, 30), Tracked(0, 10));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["schema"], "oomtrail.v1.usage");
  EXPECT_EQ(json["time"], "2026-11-21T05:41:09.000000000Z");
  const auto& cart = json["usages"][0];
  EXPECT_EQ(cart["pod"]["name"], "cart-7d9f");
  EXPECT_EQ(cart["seconds_to_limit"], 42.25);
  EXPECT_EQ(cart["limit"]["bytes"], 512 * kMiB);
  EXPECT_EQ(cart["warned"], true);
  EXPECT_EQ(cart["kernel_bytes_per_second"], 10.0 * kMiB);
  const auto& unit = json["usages"][3];
  for (const char* name : {"pod", "container", "limit", "seconds_to_limit", "kernel"}) {
    EXPECT_FALSE(unit.contains(name)) << name;
  }
  EXPECT_EQ(json["processes"][0]["comm"], "java");
  EXPECT_EQ(json["tracking"]["mode"], "adaptive");
  EXPECT_FALSE(
      nlohmann::json::parse(UsageJson(Node(), std::nullopt))["tracking"].contains("one_in"));
}

TEST(UsageViewTest, WhatTheAgentSaysCannotActOnTheTerminal) {
  const std::string bad = "a\n\x1b[2J\u202e\xff";
  v1::ListUsageResponse now = Tracked(2, 30);
  v1::Usage* usage = now.mutable_usages(0);
  usage->mutable_pod()->set_name(bad);
  usage->mutable_pod()->set_namespace_(bad);
  usage->mutable_container()->set_name(bad);
  usage->mutable_cgroup()->set_path(bad);
  usage->set_growth_bytes_per_second(NAN);
  usage->set_seconds_to_limit(-INFINITY);
  usage->set_confidence(INFINITY);
  now.mutable_usages(1)->set_seconds_to_limit(NAN);
  now.mutable_usages(2)->set_growth_bytes_per_second(-1e300);
  now.mutable_usages(3)->mutable_cgroup()->set_path(bad);
  now.mutable_processes(0)->set_comm(bad);
  now.mutable_tracking()->set_mode(static_cast<v1::TrackingMode>(99));
  now.mutable_tracking()->set_error(bad);
  now.mutable_tracking()->set_events_per_second(-INFINITY);
  now.mutable_time()->set_seconds(INT64_MAX);
  for (const auto& before :
       {std::optional<v1::ListUsageResponse>(), std::optional(Tracked(0, 1))}) {
    const std::string table = UsageTable(now, before, {.columns = 200});
    EXPECT_THAT(table, Not(HasSubstr("\x1b")));
    EXPECT_THAT(table, Not(HasSubstr("\u202e")));
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 11) << table;
    const std::string json = UsageJson(now, before);
    EXPECT_THAT(json, Not(HasSubstr("\u202e")));
    EXPECT_FALSE(nlohmann::json::parse(json).is_discarded());
  }
}

}  // namespace
}  // namespace oomtrail::cli
