#include "agent/forecast/cgroup_files_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/fakes/temp_dir.h"

namespace oomtrail::forecast {
namespace {

using ::testing::Field;
using ::testing::Optional;

constexpr uint64_t kSecond = 1'000'000'000;

class CgroupFilesReaderTest : public ::testing::Test {
 protected:
  void Set(const std::string& path, std::string_view usage, std::string_view limit) const {
    dir_.Write(path + "/memory.current", usage);
    dir_.Write(path + "/memory.max", limit);
  }

  std::optional<Usage> Read(CgroupFilesReader& reader, uint64_t seconds, const std::string& path,
                            bool often = true) const {
    std::vector<std::optional<Usage>> usages;
    const std::vector<UsageQuestion> questions = {
        {.id = {path.size()}, .path = path, .often = often}};
    EXPECT_TRUE(reader.Read(seconds * kSecond, questions, usages).ok());
    EXPECT_EQ(usages.size(), 1u);
    return usages[0];
  }

  const fakes::TempDir dir_;
  const resolve::CgroupMount mount_{.directory = dir_.path()};
  CgroupFilesReader reader_{mount_};
};

TEST_F(CgroupFilesReaderTest, ReadsUsageAndLimit) {
  Set("pod", "4096\n", "8192\n");
  const auto usage = Read(reader_, 1, "/pod");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->usage_bytes, 4096u);
  EXPECT_THAT(usage->limit_bytes, Optional(8192u));
}

TEST_F(CgroupFilesReaderTest, ReadsCgroupV1ByItsOwnNames) {
  dir_.Write("pod/memory.usage_in_bytes", "4096\n");
  dir_.Write("pod/memory.limit_in_bytes", "9223372036854771712\n");
  CgroupFilesReader reader({.directory = dir_.path(), .version = 1, .hierarchy = 4});
  const auto usage = Read(reader, 1, "/pod");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->usage_bytes, 4096u);
  EXPECT_FALSE(usage->limit_bytes);
}

TEST_F(CgroupFilesReaderTest, SeesUsageMoveInAHeldFile) {
  Set("pod", "4096\n", "max\n");
  Read(reader_, 1, "/pod");
  EXPECT_EQ(reader_.held(), 1u);
  Set("pod", "8192\n", "max\n");
  EXPECT_THAT(Read(reader_, 2, "/pod"), Optional(Field(&Usage::usage_bytes, 8192u)));
}

TEST_F(CgroupFilesReaderTest, HoldsNoFileOfThoseThatAreSeldomAskedFor) {
  Set("pod", "4096\n", "max\n");
  EXPECT_TRUE(Read(reader_, 1, "/pod", /*often=*/false));
  EXPECT_EQ(reader_.held(), 0u);
}

TEST_F(CgroupFilesReaderTest, HoldsNoMoreFilesThanItMayAndReadsTheRestAllTheSame) {
  CgroupFilesReader reader(mount_, /*max_held=*/1);
  Set("a", "1\n", "max\n");
  Set("bb", "2\n", "max\n");
  for (uint64_t seconds = 1; seconds < 3; ++seconds) {
    EXPECT_TRUE(Read(reader, seconds, "/a"));
    EXPECT_TRUE(Read(reader, seconds, "/bb"));
    EXPECT_EQ(reader.held(), 1u);
  }
  reader.Forget({2});
  EXPECT_EQ(reader.held(), 0u);
  EXPECT_TRUE(Read(reader, 3, "/bb"));
  EXPECT_EQ(reader.held(), 1u);
}

TEST_F(CgroupFilesReaderTest, ReadsANewCgroupsLimitAgainSoonAndAnOldOnesRarely) {
  Set("pod", "1\n", "max\n");
  Read(reader_, 1, "/pod");
  Set("pod", "1\n", "1000\n");
  EXPECT_THAT(Read(reader_, 3, "/pod"), Optional(Field(&Usage::limit_bytes, Optional(1000u))));
  Read(reader_, 1000, "/pod");
  Set("pod", "1\n", "2000\n");
  EXPECT_THAT(Read(reader_, 1001, "/pod"), Optional(Field(&Usage::limit_bytes, Optional(1000u))));
  EXPECT_THAT(Read(reader_, 1031, "/pod"), Optional(Field(&Usage::limit_bytes, Optional(2000u))));
}

TEST_F(CgroupFilesReaderTest, ReadsALimitThatIsExceededAtOnce) {
  Set("pod", "100\n", "1000\n");
  Read(reader_, 1, "/pod");
  Read(reader_, 1000, "/pod");
  Set("pod", "1500\n", "2000\n");
  EXPECT_THAT(Read(reader_, 1001, "/pod"), Optional(Field(&Usage::limit_bytes, Optional(2000u))));
}

TEST_F(CgroupFilesReaderTest, WhatIsGoneIsAbsentAndLetGoOf) {
  Set("pod", "1\n", "max\n");
  EXPECT_FALSE(Read(reader_, 1, "/nobody"));
  EXPECT_TRUE(Read(reader_, 1, "/pod"));
  std::filesystem::remove_all(dir_ / "pod");
  dir_.Write("pod/other", "");
  EXPECT_FALSE(Read(reader_, 100, "/pod")) << "no limit to be read";
  EXPECT_EQ(reader_.held(), 0u);
}

TEST_F(CgroupFilesReaderTest, WhatIsNoNumberIsAbsent) {
  for (const char* damaged : {"", "garbage\n", "-5\n", "99999999999999999999999\n", "\xff\xfe"}) {
    Set("pod", damaged, "max\n");
    EXPECT_FALSE(Read(reader_, 1, "/pod")) << damaged;
    Set("pod", "1\n", damaged);
    EXPECT_FALSE(Read(reader_, 1, "/pod")) << damaged;
  }
}

TEST_F(CgroupFilesReaderTest, ANameMayHoldAnyByte) {
  const std::string name = "/a b\t\"\xff\x01";
  Set(name.substr(1), "7\n", "max\n");
  EXPECT_THAT(Read(reader_, 1, name), Optional(Field(&Usage::usage_bytes, 7u)));
}

}  // namespace
}  // namespace oomtrail::forecast
