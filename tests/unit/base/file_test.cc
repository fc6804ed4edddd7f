#include "agent/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "agent/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(ReadFileTest, GivesTheWholeContent) {
  const fakes::TempDir dir;
  const auto content = ReadFile(dir.Write("memory.max", "536870912\n"), 64);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(*content, "536870912\n");
}

TEST(ReadFileTest, KeepsEveryByte) {
  const fakes::TempDir dir;
  std::string bytes;
  for (int i = 0; i < 256 * 100; ++i) bytes += static_cast<char>(i);
  const auto content = ReadFile(dir.Write("bytes", bytes), bytes.size());
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(*content, bytes);
}

TEST(ReadFileTest, AnEmptyFileIsNoError) {
  const fakes::TempDir dir;
  const auto content = ReadFile(dir.Write("empty", ""), 0);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(*content, "");
}

TEST(ReadFileTest, AFileOfTheBoundIsRead) {
  const fakes::TempDir dir;
  for (const size_t bound : {1, 4095, 4096, 4097, 8192}) {
    const std::string text(bound, 'x');
    const auto content = ReadFile(dir.Write("file", text), bound);
    ASSERT_TRUE(content.ok()) << content.status();
    EXPECT_EQ(*content, text);
  }
}

TEST(ReadFileTest, OneByteOverTheBoundIsRefused) {
  const fakes::TempDir dir;
  for (const size_t bound : {0, 1, 4095, 4096, 4097, 8192}) {
    const std::string file = dir.Write("file", std::string(bound + 1, 'x'));
    const auto content = ReadFile(file, bound);
    ASSERT_EQ(content.status().code(), absl::StatusCode::kResourceExhausted) << bound;
    EXPECT_THAT(Message(content.status()),
                AllOf(StartsWith("read " + file + ": "), HasSubstr(std::to_string(bound))));
  }
}

TEST(ReadFileTest, AFileWithoutEndIsRefused) {
  EXPECT_EQ(ReadFile("/dev/zero", 10'000).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ReadFileTest, AFileThatHidesItsSizeIsRead) {
  const auto content = ReadFile("/proc/self/stat", 4096);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_THAT(*content, StartsWith(std::to_string(::getpid()) + " ("));
}

TEST(ReadFileTest, AMissingFileIsNotFoundAndNamed) {
  const fakes::TempDir dir;
  const absl::Status status = ReadFile(dir / "absent", 64).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "open " + dir / "absent" + ": ENOENT (No such file or directory)");
}

TEST(ReadFileTest, ADirectoryIsNoFile) {
  const fakes::TempDir dir;
  const absl::Status status = ReadFile(dir.path(), 64).status();
  EXPECT_EQ(Message(status), "read " + dir.path() + ": EISDIR (Is a directory)");
}

TEST(ReadFileTest, LeavesNoDescriptorOpen) {
  const fakes::TempDir dir;
  const std::string file = dir.Write("file", "xx");
  const UniqueFd before(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(ReadFile(file, 2).ok());
  ASSERT_FALSE(ReadFile(file, 1).ok());
  ASSERT_FALSE(ReadFile(dir.path(), 1).ok());
  const UniqueFd after(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(after.get(), before.get() + 1);
}

TEST(ReadFileAtTest, TakesThePathFromTheDirectory) {
  const fakes::TempDir dir;
  dir.Write("pod/container/cgroup.procs", "4312\n");
  const UniqueFd pod(::open((dir / "pod").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(pod.ok());
  const auto content = ReadFileAt(pod.get(), "container/cgroup.procs", 64);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(*content, "4312\n");
}

TEST(ReadFileAtTest, ADirectoryThatIsGoneHoldsNothing) {
  const fakes::TempDir dir;
  dir.Write("pod/file", "x");
  const UniqueFd pod(::open((dir / "pod").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::filesystem::remove_all(dir / "pod");
  const absl::Status status = ReadFileAt(pod.get(), "file", 64).status();
  EXPECT_EQ(Message(status), "open file: ENOENT (No such file or directory)");
}

TEST(ReadFileAtTest, AClosedDescriptorIsAnError) {
  EXPECT_THAT(Message(ReadFileAt(-1, "file", 64).status()), HasSubstr("EBADF"));
}

}  // namespace
}  // namespace oomtrail::base
