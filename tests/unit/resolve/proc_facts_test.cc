// What a proc tree says of a thread: v1, v2 and hybrid, alive, exiting and gone.
#include "agent/resolve/proc_facts.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ostream>
#include <string>
#include <thread>

#include "agent/base/clock.h"
#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::resolve {
namespace {

const CgroupMount kV2{.directory = "/sys/fs/cgroup", .version = 2, .hierarchy = 0};
const CgroupMount kV1{.directory = "/sys/fs/cgroup/memory", .version = 1, .hierarchy = 4};

class ProcFactsTest : public ::testing::Test {
 protected:
  // A thread's files, as the kernel writes them; a leader where both ids are the same.
  void Thread(uint32_t tid, uint32_t tgid, const std::string& comm, const std::string& cgroup) {
    const std::string directory = std::to_string(tid) + "/";
    proc_.Write(directory + "cgroup", cgroup);
    proc_.Write(directory + "status", base::StrCat("Name:\t", comm, "\nUmask:\t0022\nTgid:\t", tgid,
                                                   "\nNgid:\t0\nPid:\t", tid, "\n"));
    proc_.Write(directory + "comm", comm + "\n");
    proc_.Write(directory + "stat",
                base::StrCat(tid, " (", comm, ") R 1 2 3 0 -1 4194560 9 0 0 0 1 2 0 0 20 0 1 0 ",
                             "336680 227016704 10840 18446744073709551615 1 1 0 0 0\n"));
  }
  std::optional<ProcFacts> Read(uint32_t tid, const CgroupMount& mount = kV2) const {
    return ReadProcFacts(proc_.path(), mount, tid);
  }

  const fakes::TempDir proc_;
};

TEST_F(ProcFactsTest, ReadsALeader) {
  Thread(4312, 4312, "java", "0::/kubepods/poda/abc\n");
  const auto facts = Read(4312);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->tgid, 4312u);
  EXPECT_EQ(facts->comm, "java");
  EXPECT_EQ(facts->thread_comm, "java");
  EXPECT_EQ(facts->memcg_path, "/kubepods/poda/abc");
  EXPECT_EQ(facts->start_boot_ns, 3'366'800'000'000u);
}

TEST_F(ProcFactsTest, AThreadIsNamedByItsLeader) {
  Thread(4312, 4312, "java", "0::/a\n");
  Thread(4390, 4312, "java-gc", "0::/a\n");
  const auto facts = Read(4390);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->tgid, 4312u);
  EXPECT_EQ(facts->comm, "java");
  EXPECT_EQ(facts->thread_comm, "java-gc");
}

TEST_F(ProcFactsTest, AHostileCommIsKeptByteForByteAndMovesNoField) {
  const std::string comm = ") R 9 9 (\n\x1b";
  Thread(4312, 4312, comm, "0::/a\n");
  const auto facts = Read(4312);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->comm, comm);
  EXPECT_EQ(facts->start_boot_ns, 3'366'800'000'000u);
}

TEST_F(ProcFactsTest, WhatIsGoneIsAbsent) { EXPECT_FALSE(Read(4312)); }

class MissingFileTest : public ProcFactsTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(MissingFileTest, IsAProcessThatIsGone) {
  Thread(4312, 4312, "java", "0::/a\n");
  ASSERT_EQ(::unlink((proc_ / ("4312/" + GetParam())).c_str()), 0);
  EXPECT_FALSE(Read(4312));
}

INSTANTIATE_TEST_SUITE_P(Proc, MissingFileTest, ::testing::Values("cgroup", "status", "stat"));

struct Damage {
  std::string file;
  std::string content;
};

class DamagedFileTest : public ProcFactsTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedFileTest, IsAProcessThatIsGone) {
  Thread(4312, 4312, "java", "0::/a\n");
  proc_.Write("4312/" + GetParam().file, GetParam().content);
  EXPECT_FALSE(Read(4312));
}

INSTANTIATE_TEST_SUITE_P(
    Proc, DamagedFileTest,
    ::testing::Values(Damage{"status", ""}, Damage{"status", "Tgid:\t0\n"},
                      Damage{"status", "Tgid:\t4294967296\n"}, Damage{"status", "Tgid: 4312\n"},
                      Damage{"stat", ""}, Damage{"stat", "4312 (java"},
                      Damage{"stat", "4312 (java) "},
                      Damage{"stat", "4312 (java) R 1 2 3 0 -1 4 9 0 0 0 1 2 0 0 20 0 1 0"},
                      Damage{"stat", "4312 (java) R 1 2 3 0 -1 4 9 0 0 0 1 2 0 0 20 0 1 0 x 1\n"},
                      Damage{"stat",
                             "4312 (java) R 1 2 3 0 -1 4 9 0 0 0 1 2 0 0 20 0 1 0 "
                             "18446744073709551615 1\n"},
                      Damage{"cgroup", std::string(70'000, 'x')}));

struct Row {
  std::string name;
  CgroupMount mount;
  std::string table;
  std::string path;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class CgroupTableTest : public ProcFactsTest, public ::testing::WithParamInterface<Row> {};

TEST_P(CgroupTableTest, NamesTheMemoryCgroup) {
  Thread(7, 7, "a", GetParam().table);
  const auto facts = Read(7, GetParam().mount);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->memcg_path, GetParam().path);
}

constexpr char kHybrid[] =
    "8:pids:/p\n7:blkio:/b\n4:memory:/kubepods/poda\n3:cpuset:/c\n1:name=systemd:/s\n0::/unified\n";

const Row kRows[] = {
    {"V2", kV2, "0::/kubepods.slice/x.scope\n", "/kubepods.slice/x.scope"},
    {"V2Root", kV2, "0::/\n", "/"},
    {"V2Removed", kV2, "0::/kubepods/poda (deleted)\n", "/kubepods/poda"},
    {"V2OutsideTheNamespace", kV2, "0::/../../kubepods/poda\n", ""},
    {"HybridMemoryInV1", kV1, kHybrid, "/kubepods/poda"},
    {"HybridMemoryInV2", kV2, kHybrid, "/unified"},
    {"V1", kV1, "5:cpu:/x\n4:memory:/a\n", "/a"},
    {"V1Exiting", kV1, "4:memory:/\n", ""},
    {"V1ControllersTogether", kV1, "4:cpu,memory:/a\n", "/a"},
    {"ColonInThePath", kV2, "0::/system.slice/kubepods-pod1.slice:cri-containerd:abc\n",
     "/system.slice/kubepods-pod1.slice:cri-containerd:abc"},
    {"NoSuchHierarchy", kV1, "0::/a\n", ""},
    {"Relative", kV2, "0::a\n", ""},
    {"Empty", kV2, "", ""},
    {"NoColons", kV2, "0\n", ""},
    {"OneColon", kV2, "0:/a\n", ""},
    {"HierarchyIsNoNumber", kV2, "x::/a\n", ""},
    {"CutBeforeTheEnd", kV2, "0::/a", "/a"},
};
INSTANTIATE_TEST_SUITE_P(Cgroup, CgroupTableTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

// The real one: this process, and a thread of it.
TEST(RealProcFactsTest, ReadsThisProcess) {
  const base::SystemClock clock;
  const auto pid = static_cast<uint32_t>(::getpid());
  const auto facts = ReadProcFacts("/proc", kV2, pid);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->tgid, pid);
  EXPECT_EQ(facts->comm, facts->thread_comm);
  EXPECT_FALSE(facts->comm.empty());
  EXPECT_LT(facts->start_boot_ns, clock.BootNanos());
  EXPECT_GT(facts->start_boot_ns + 600'000'000'000, clock.BootNanos()) << "started within minutes";
}

TEST(RealProcFactsTest, ReadsAThreadOfThisProcess) {
  std::optional<ProcFacts> facts;
  std::thread([&facts] {
    ::pthread_setname_np(::pthread_self(), "a thread");
    facts = ReadProcFacts("/proc", kV2, static_cast<uint32_t>(::syscall(SYS_gettid)));
  }).join();
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->tgid, static_cast<uint32_t>(::getpid()));
  EXPECT_EQ(facts->thread_comm, "a thread");
  EXPECT_NE(facts->comm, "a thread");
}

}  // namespace
}  // namespace oomtrail::resolve
