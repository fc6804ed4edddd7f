// The kernel's own counts of kills, read from files, and what can be proven by them.
#include "agent/resolve/event_counts.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ostream>
#include <string>

#include "tests/fakes/temp_dir.h"
#include "tests/fixtures/real_cgroups.h"

namespace oomtrail::resolve {
namespace {

using model::CgroupId;

// A process that takes more memory than its cgroup may hold. True if it was killed.
bool RunsOutOfMemory(const fixtures::RealCgroups& cgroups, const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr size_t kBytes = 64 << 20;
    if (!cgroups.Write(path, "cgroup.procs", std::to_string(::getpid()))) ::_exit(1);
    void* memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 1, kBytes);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(ReadEventCountsTest, ARealKillRaisesTheCountByOne) {
  const fixtures::RealCgroups cgroups;
  const std::string limit = cgroups.mount().version == 2 ? "memory.max" : "memory.limit_in_bytes";
  const std::string path = cgroups.problem().empty() ? cgroups.Make("small") : "";
  if (path.empty() || !cgroups.Write(path, limit, "8388608")) {
    ASSERT_FALSE(fixtures::InCi()) << cgroups.problem();
    GTEST_SKIP() << "no memory cgroup to make: " << cgroups.problem();
  }
  EXPECT_EQ(ReadEventCounts(cgroups.mount(), path).oom_kill, 0u);
  ASSERT_TRUE(RunsOutOfMemory(cgroups, path));
  const EventCounts counts = ReadEventCounts(cgroups.mount(), path);
  EXPECT_EQ(counts.oom_kill, 1u);
  EXPECT_EQ(counts.oom.has_value(), cgroups.mount().version == 2) << "v1 does not show it";
}

struct Row {
  std::string name;
  int version;
  std::string file;
  std::string content;
  std::optional<uint64_t> oom;
  std::optional<uint64_t> oom_kill;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class EventCountsFileTest : public ::testing::TestWithParam<Row> {};

TEST_P(EventCountsFileTest, IsRead) {
  const fakes::TempDir dir;
  dir.Write("pod/app/" + GetParam().file, GetParam().content);
  const CgroupMount mount{.directory = dir.path(), .version = GetParam().version};
  const EventCounts counts = ReadEventCounts(mount, "/pod/app");
  EXPECT_EQ(counts.oom, GetParam().oom);
  EXPECT_EQ(counts.oom_kill, GetParam().oom_kill);
}

const std::string kV2 = "low 1\nhigh 2\nmax 39\noom 6\noom_kill 7\noom_group_kill 8\n";

const Row kRows[] = {
    {"V2", 2, "memory.events.local", kV2, 6, 7},
    {"V2WithoutGroupKills", 2, "memory.events.local", "oom 6\noom_kill 7\n", 6, 7},
    {"V2LastLineCut", 2, "memory.events.local", "oom 6\noom_kill 7", 6, 7},
    // The hierarchical counts hold the kills of others.
    {"V2HierarchicalOnly", 2, "memory.events", kV2, {}, {}},
    {"V1", 1, "memory.oom_control", "oom_kill_disable 1\nunder_oom 1\noom_kill 3\n", {}, 3},
    {"V1Before413", 1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", {}, {}},
    {"OfTheOtherVersion", 1, "memory.events.local", kV2, {}, {}},
    {"Empty", 2, "memory.events.local", "", {}, {}},
    {"NotANumber", 2, "memory.events.local", "oom x\noom_kill -1\n", {}, {}},
    {"Overflow", 2, "memory.events.local", "oom 18446744073709551616\noom_kill 7\n", {}, 7},
    {"TrailingWords", 2, "memory.events.local", "oom 6 7\noom_kill 7\n", {}, 7},
    {"TooLarge", 2, "memory.events.local", kV2 + std::string(4096, '\n'), {}, {}},
};
INSTANTIATE_TEST_SUITE_P(File, EventCountsFileTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(ReadEventCountsTest, ACgroupThatIsGoneHasNone) {
  const fakes::TempDir dir;
  const EventCounts counts = ReadEventCounts({.directory = dir.path()}, "/gone");
  EXPECT_FALSE(counts.oom);
  EXPECT_FALSE(counts.oom_kill);
}

class CountLedgerTest : public ::testing::Test {
 protected:
  static constexpr CgroupId kOld{7};  // counted 5 OOMs and 3 kills by the baseline
  static constexpr CgroupId kNew{8};  // made later
  static constexpr uint64_t kBaselineNs = 1000;
  static constexpr uint64_t kBefore = 999;
  static constexpr uint64_t kAfter = 1001;

  CountLedgerTest() { ledger_.Baseline(kOld, {.oom = 5, .oom_kill = 3}, kBaselineNs); }

  CountLedger ledger_;
};

TEST_F(CountLedgerTest, WhatWasCountedBeforeProvesNothing) {
  EXPECT_FALSE(ledger_.ProveKill(kOld, 3, kAfter));
  EXPECT_FALSE(ledger_.ProveKill(kOld, 2, kAfter));
}

TEST_F(CountLedgerTest, EachCountProvesOneKill) {
  EXPECT_TRUE(ledger_.ProveKill(kOld, 4, kAfter));
  EXPECT_FALSE(ledger_.ProveKill(kOld, 4, kAfter));
  EXPECT_TRUE(ledger_.ProveKill(kOld, 5, kAfter));
}

// A kill whose record was lost leaves a gap, not a debt.
TEST_F(CountLedgerTest, ACountThatSkippedProvesOneKill) {
  EXPECT_TRUE(ledger_.ProveKill(kOld, 9, kAfter));
  EXPECT_FALSE(ledger_.ProveKill(kOld, 9, kAfter));
}

TEST_F(CountLedgerTest, ACgroupMadeLaterCountsFromZero) {
  EXPECT_FALSE(ledger_.ProveKill(kNew, 0, kAfter));
  EXPECT_TRUE(ledger_.ProveKill(kNew, 1, kAfter));
}

// While the agent restarted, a pinned ring kept records that the baseline has counted already.
TEST_F(CountLedgerTest, RecordsOlderThanTheBaselineAreNotDisprovenByIt) {
  EXPECT_TRUE(ledger_.ProveKill(kOld, 2, kBefore));
  EXPECT_FALSE(ledger_.ProveKill(kOld, 2, kBefore)) << "a task that was dying";
  EXPECT_TRUE(ledger_.ProveKill(kOld, 3, kBaselineNs));
  EXPECT_FALSE(ledger_.ProveKill(kOld, 3, kAfter));
  EXPECT_TRUE(ledger_.ProveKill(kOld, 4, kAfter));
}

// Read from the file when several kills have been counted: each takes one.
TEST_F(CountLedgerTest, ALateCountProvesAsManyKillsAsItRose) {
  EXPECT_TRUE(ledger_.ProveKillLate(kOld, 5, kAfter));
  EXPECT_TRUE(ledger_.ProveKillLate(kOld, 5, kAfter));
  EXPECT_FALSE(ledger_.ProveKillLate(kOld, 5, kAfter));
}

TEST_F(CountLedgerTest, LateCountsAndCountsOfRecordsShareTheLedger) {
  EXPECT_TRUE(ledger_.ProveKillLate(kOld, 5, kAfter));
  EXPECT_TRUE(ledger_.ProveKill(kOld, 5, kAfter)) << "the second of the two";
  EXPECT_FALSE(ledger_.ProveKillLate(kOld, 5, kAfter));
}

TEST_F(CountLedgerTest, ALateCountOfAnOldRecordIsTheBaselinesOwn) {
  EXPECT_TRUE(ledger_.ProveKillLate(kOld, 3, kBefore));
  EXPECT_TRUE(ledger_.ProveKillLate(kOld, 3, kBefore)) << "doubtful, and let through";
  EXPECT_FALSE(ledger_.ProveKillLate(kNew, 0, kBefore)) << "nothing was ever killed there";
  EXPECT_FALSE(ledger_.ProveKillLate(kOld, 3, kAfter));
}

TEST_F(CountLedgerTest, AnOomCountRisesOnce) {
  EXPECT_FALSE(ledger_.TakeOomRise(kOld, 5));
  EXPECT_TRUE(ledger_.TakeOomRise(kOld, 6));
  EXPECT_FALSE(ledger_.TakeOomRise(kOld, 6));
  EXPECT_TRUE(ledger_.TakeOomRise(kNew, 1)) << "made later: from 0";
  EXPECT_FALSE(ledger_.TakeOomRise(kNew, 1));
}

TEST_F(CountLedgerTest, WhereV1DoesNotShowOomsTheFirstCountIsNoRise) {
  ledger_.Baseline(kNew, {.oom = std::nullopt, .oom_kill = 3}, kBaselineNs);
  EXPECT_FALSE(ledger_.TakeOomRise(kNew, 9));
  EXPECT_TRUE(ledger_.TakeOomRise(kNew, 10));
}

TEST_F(CountLedgerTest, AFullLedgerForgetsRatherThanHidesAKill) {
  for (uint64_t id = 1; id <= CountLedger::kMaxCgroups; ++id) {
    ledger_.Baseline({1'000'000 + id}, {.oom = 1, .oom_kill = 1}, kBaselineNs);
  }
  EXPECT_TRUE(ledger_.ProveKill(kNew, 1, kAfter));
  EXPECT_FALSE(ledger_.ProveKill(kNew, 1, kAfter));
}

}  // namespace
}  // namespace oomtrail::resolve
