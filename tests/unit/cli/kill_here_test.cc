#include "agent/cli/kill_here.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1ULL << 20;

// The mount of a memory hierarchy, and a /proc that names this process's cgroup in it.
class OwnMemoryLimitTest : public ::testing::Test {
 protected:
  absl::StatusOr<uint64_t> Limit(int version, std::string_view proc) {
    directory_.Write("proc/self/cgroup", proc);
    const resolve::CgroupMount mount{
        .directory = directory_ / "mount", .version = version, .hierarchy = version == 1 ? 4U : 0U};
    return OwnMemoryLimit(mount, directory_ / "proc");
  }
  void Set(std::string_view file, std::string_view limit) {
    directory_.Write("mount/" + std::string(file), std::string(limit) + "\n");
  }

  const fakes::TempDir directory_;
};

TEST_F(OwnMemoryLimitTest, InAContainerTheMountIsItsOwnCgroup) {
  Set("memory.max", "67108864");
  EXPECT_EQ(*Limit(2, "0::/\n"), 64 * kMiB);
}

TEST_F(OwnMemoryLimitTest, OnV1ProcNamesWhatTheContainersMountDoesNotHave) {
  Set("memory.limit_in_bytes", "67108864");
  EXPECT_EQ(*Limit(1, "7:cpu:/other\n4:memory:/kubepods/pod1/abc\n0::/x\n"), 64 * kMiB);
}

TEST_F(OwnMemoryLimitTest, TheNarrowestOfThoseAboveCounts) {
  Set("memory.max", "max");
  Set("a/memory.max", "67108864");
  Set("a/b/memory.max", "134217728");
  Set("a/b/c/memory.max", "max");
  EXPECT_EQ(*Limit(2, "0::/a/b/c\n"), 64 * kMiB);
}

TEST_F(OwnMemoryLimitTest, AnotherCgroupsLimitDoesNotCount) {
  Set("a/memory.max", "max");
  Set("b/memory.max", "67108864");
  const auto limit = Limit(2, "0::/a\n");
  EXPECT_TRUE(absl::IsNotFound(limit.status()));
  EXPECT_THAT(std::string(limit.status().message()), HasSubstr("resources.limits.memory"));
}

TEST_F(OwnMemoryLimitTest, NoLimitIsSaidInTwoWays) {
  Set("memory.max", "max");
  EXPECT_TRUE(absl::IsNotFound(Limit(2, "0::/\n").status()));
  Set("memory.limit_in_bytes", "9223372036854771712");
  EXPECT_TRUE(absl::IsNotFound(Limit(1, "4:memory:/\n").status()));
}

TEST_F(OwnMemoryLimitTest, WhatIsNoLimitIsNone) {
  for (const char* text : {"", "64M", "-1", "67108864 67108864"}) {
    Set("memory.max", text);
    EXPECT_FALSE(Limit(2, "0::/\n").ok()) << text;
  }
}

}  // namespace
}  // namespace oomtrail::cli
