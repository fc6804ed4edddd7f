// The agent about its own process, from files as /proc has them.
#include "agent/publish/process_stats.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>

#include "tests/fakes/temp_dir.h"
#include "tests/unit/publish/metrics_fixture.h"

namespace oomtrail::publish {
namespace {

// From utime to rss: 250 ticks of user, 50 of system time, begun at tick 12345, 1000 pages.
constexpr std::string_view kFields =
    " S 1 812 812 0 -1 4194560 1 2 3 4 250 50 7 8 20 0 9 0 12345 99999999 1000 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 0 0 0 0 0 0\n";

TEST(ProcessStatsTest, ReadsWhatTheKernelSays) {
  const fakes::TempDir proc;
  proc.Write("stat", base::StrCat("812 (oomtrail)", kFields));
  for (const char* fd : {"fd/0", "fd/1", "fd/2"}) proc.Write(fd, "");
  const auto stats = ReadProcessStats(proc.path());
  ASSERT_TRUE(stats.ok()) << stats.status();
  const auto hz = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(stats->resident_bytes, 1000U * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_DOUBLE_EQ(stats->cpu_seconds, 300.0 / static_cast<double>(hz));
  EXPECT_EQ(stats->start_boot_ns, 12345 * (1'000'000'000 / hz));
}

TEST(ProcessStatsTest, ANameWithBracketsAndBlanksIsOneName) {
  const fakes::TempDir proc;
  proc.Write("stat", base::StrCat("812 (a) S 1 (b c)", kFields));
  proc.Write("fd/0", "");
  const auto stats = ReadProcessStats(proc.path());
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->resident_bytes, 1000U * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(ProcessStatsTest, OfItsOwnFilesItCountsAllButTheListingsOwn) {
  using std::filesystem::directory_iterator;
  // This listing is among what it lists as well.
  const auto listed = std::distance(directory_iterator("/proc/self/fd"), directory_iterator());
  const auto stats = ReadProcessStats("/proc/self");
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->open_fds, static_cast<uint64_t>(listed) - 1);
  EXPECT_GT(stats->resident_bytes, uint64_t{1} << 20);
}

TEST(ProcessStatsTest, WhatIsNoProcessIsAnError) {
  const fakes::TempDir proc;
  EXPECT_EQ(ReadProcessStats(proc.path()).status().code(), absl::StatusCode::kNotFound);
  for (const std::string_view stat :
       {"", "812 oomtrail S 1", "812 (oomtrail) S 1 2 3",
        "812 (oomtrail) S 1 8 8 0 -1 4 1 2 3 4 x 50 7 8 20 0 9 0 1 9 1 "}) {
    proc.Write("stat", stat);
    EXPECT_EQ(ReadProcessStats(proc.path()).status().code(), absl::StatusCode::kDataLoss) << stat;
  }
}

class ProcessMetricsTest : public MetricsTest {
 protected:
  // The line of a sample without labels, or nothing.
  static std::string Line(const Metrics& metrics, std::string_view name) {
    const std::string page = metrics.Render({});
    for (const std::string_view line : base::StrSplit(page, '\n')) {
      if (line.starts_with(base::StrCat(name, " "))) return std::string(line);
    }
    return "";
  }
};

TEST_F(ProcessMetricsTest, TheProcessIsOnThePage) {
  for (const std::string_view name : {"process_resident_memory_bytes", "process_cpu_seconds_total",
                                      "process_open_fds", "process_start_time_seconds"}) {
    EXPECT_NE(Line(metrics_, name), "") << name;
  }
}

TEST_F(ProcessMetricsTest, ItsStartStandsStillWhenTheClockIsSet) {
  const std::string before = Line(metrics_, "process_start_time_seconds");
  clock_.SetWall(clock_.WallNanos() + 1'000'000'000);
  EXPECT_EQ(Line(metrics_, "process_start_time_seconds"), before);
}

TEST_F(ProcessMetricsTest, WithoutProcTheRestOfThePageIsThere) {
  Metrics metrics(clock_, WithSources(), "/nowhere");
  metrics.Count(FullKill());
  EXPECT_FALSE(base::StrContains(metrics.Render({}), "process_"));
  EXPECT_EQ(Value(metrics, kCartKills), "1");
}

}  // namespace
}  // namespace oomtrail::publish
