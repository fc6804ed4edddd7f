// The real kernel log of this machine: lines are written to it, and read back or not.
#include "agent/kernel/kmsg_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::kernel {
namespace {

using ::testing::HasSubstr;

constexpr char kKmsg[] = "/dev/kmsg";

class KmsgReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (log_.ok() && Open().ok()) return;
    const std::string_view ci = std::getenv("CI") == nullptr ? "" : std::getenv("CI");
    if (ci == "true") FAIL() << "cannot read and write " << kKmsg;
    GTEST_SKIP() << "cannot read and write " << kKmsg;
  }

  absl::StatusOr<std::unique_ptr<KmsgReader>> Open() {
    return KmsgReader::Open(kKmsg, [this](std::string_view record) { seen_.emplace_back(record); });
  }
  // One record of facility 1, as any process may write it.
  void Say(const std::string& text) {
    const std::string line = base::StrCat("<15>", Mark(text), "\n");
    ASSERT_EQ(::write(log_.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  std::string Mark(const std::string& text) const {
    return base::StrCat("oomtrail-test-", ::getpid(), "-", text);
  }
  // The kernel may say things of its own meanwhile.
  std::vector<std::string> SeenOf(const std::string& text) const {
    std::vector<std::string> found;
    for (const std::string& record : seen_) {
      if (base::StrContains(record, Mark(text))) found.push_back(record);
    }
    return found;
  }

  base::UniqueFd log_{::open(kKmsg, O_WRONLY | O_CLOEXEC)};
  std::vector<std::string> seen_;
};

TEST_F(KmsgReaderTest, ReadsWhatIsSaidFromNowOn) {
  Say("before");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->Drain(), 0u);
  Say("first");
  Say("second");
  EXPECT_EQ((*reader)->Drain(), 0u);
  EXPECT_TRUE(SeenOf("before").empty()) << "an old line was replayed";
  ASSERT_EQ(SeenOf("first").size(), 1u);
  EXPECT_EQ(SeenOf("second").size(), 1u);
  EXPECT_TRUE(SeenOf("first")[0].starts_with("15,")) << SeenOf("first")[0];
  EXPECT_TRUE(SeenOf("first")[0].ends_with("-first\n"));
  (*reader)->Drain();
  EXPECT_EQ(SeenOf("first").size(), 1u) << "a line was read twice";
}

TEST_F(KmsgReaderTest, APathThatIsNoLogIsTold) {
  const fakes::TempDir dir;
  EXPECT_THAT(
      std::string(KmsgReader::Open(dir / "kmsg", [](std::string_view) {}).status().message()),
      HasSubstr("open " + (dir / "kmsg") + " (it takes CAP_SYSLOG): ENOENT"));
}

}  // namespace
}  // namespace oomtrail::kernel
