#include "agent/api/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/api/sockets.h"

namespace oomtrail::api {
namespace {

using testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_mode : 0;
}

absl::StatusOr<Listener> Open(const std::string& text) {
  const auto address = ParseListenAddress(text);
  if (!address.ok()) return address.status();
  return Listener::Open(*address);
}

class UnixListener : public testing::Test {
 protected:
  absl::StatusOr<Listener> OpenHere() { return Open(url_); }
  std::string Refusal() {
    const auto listener = OpenHere();
    EXPECT_EQ(listener.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(listener.status().message());
  }

  fakes::TempDir directory_;
  const std::string path_ = directory_ / "oomtrail.sock";
  const std::string url_ = base::StrCat("unix://", path_);
};

TEST_F(UnixListener, TakesConnectionsAndGoesAwayWithItsFile) {
  {
    const auto listener = OpenHere();
    ASSERT_TRUE(listener.ok()) << listener.status().message();
    EXPECT_EQ(listener->address().ToString(), url_);
    EXPECT_TRUE(Connect(url_).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListener, IsForOwnerAndGroupWhateverTheUmask) {
  for (const mode_t mask : {0, 022, 077, 0777}) {
    const mode_t before = ::umask(mask);
    const auto listener = OpenHere();
    ::umask(before);
    ASSERT_TRUE(listener.ok()) << listener.status().message();
    EXPECT_EQ(ModeOf(path_), S_IFSOCK | 0660) << std::oct << mask;
  }
}

TEST_F(UnixListener, MakesItsDirectory) {
  const mode_t before = ::umask(077);
  const auto listener = Open(base::StrCat("unix://", directory_ / "run/oomtrail.sock"));
  ::umask(before);
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  EXPECT_EQ(ModeOf(directory_ / "run"), S_IFDIR | 0755);
}

TEST_F(UnixListener, DoesNotChangeADirectoryThatIsThere) {
  ASSERT_EQ(::mkdir((directory_ / "run").c_str(), 0700), 0);
  ASSERT_TRUE(Open(base::StrCat("unix://", directory_ / "run/oomtrail.sock")).ok());
  EXPECT_EQ(ModeOf(directory_ / "run"), S_IFDIR | 0700);
}

TEST_F(UnixListener, NamesTheDirectoryItCannotMake) {
  const auto listener = Open(base::StrCat("unix://", directory_ / "a/b/oomtrail.sock"));
  EXPECT_THAT(std::string(listener.status().message()),
              HasSubstr(base::StrCat("mkdir ", directory_ / "a/b: ENOENT")));
}

TEST_F(UnixListener, ReplacesASocketThatNobodyServes) {
  {
    const base::UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, path_.data(), path_.size());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  }
  ASSERT_EQ(ModeOf(path_) & S_IFMT, S_IFSOCK);
  const auto listener = OpenHere();
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  EXPECT_TRUE(Connect(url_).ok());
}

TEST_F(UnixListener, LeavesAServedSocketAlone) {
  const auto first = OpenHere();
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(Refusal(), HasSubstr(base::StrCat("another process serves ", path_)));
  EXPECT_TRUE(Connect(url_).ok());
}

TEST_F(UnixListener, LeavesAServedSocketAloneWhoseBacklogIsFull) {
  const base::UniqueFd busy(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path_.data(), path_.size());
  ASSERT_EQ(::bind(busy.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  ASSERT_EQ(::listen(busy.get(), 0), 0);
  const base::UniqueFd caller = Connect(url_);
  EXPECT_THAT(Refusal(), HasSubstr("another process serves"));
}

TEST_F(UnixListener, LeavesADatagramSocketAlone) {
  const base::UniqueFd other(::socket(AF_UNIX, SOCK_DGRAM, 0));
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path_.data(), path_.size());
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  EXPECT_THAT(Refusal(), HasSubstr("a socket of another kind"));
  EXPECT_EQ(ModeOf(path_) & S_IFMT, S_IFSOCK);
}

TEST_F(UnixListener, LeavesAForeignFileAlone) {
  directory_.Write("oomtrail.sock", "precious");
  EXPECT_THAT(Refusal(),
              HasSubstr("is a regular file, not a socket: remove it or choose another --listen"));
  std::string content;
  std::ifstream(path_) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(UnixListener, LeavesADirectoryAlone) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is a directory, not a socket"));
  EXPECT_EQ(ModeOf(path_), S_IFDIR | 0700);
}

TEST_F(UnixListener, DoesNotFollowALink) {
  directory_.Write("target", "precious");
  std::filesystem::create_symlink(directory_ / "target", path_);
  EXPECT_THAT(Refusal(), HasSubstr("is a symbolic link, not a socket"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "target"));
}

TEST_F(UnixListener, DoesNotRemoveWhatHasReplacedIt) {
  std::optional<Listener> first = *OpenHere();
  std::filesystem::remove(path_);
  const auto second = OpenHere();
  ASSERT_TRUE(second.ok()) << second.status().message();
  first.reset();
  EXPECT_TRUE(Connect(url_).ok());
}

TEST_F(UnixListener, KeepsItsFileWhenMoved) {
  auto first = OpenHere();
  ASSERT_TRUE(first.ok());
  Listener second = *std::move(first);
  EXPECT_TRUE(Connect(url_).ok());
  second = *Open("127.0.0.1:0");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST(TcpListener, SaysWhichPortItGot) {
  const auto listener = Open("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  const std::string name = listener->address().ToString();
  EXPECT_THAT(name, testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_TRUE(Connect(name).ok());
}

TEST(TcpListener, OnEveryAddressTakesIpv4) {
  const auto listener = Open(":0");
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  const std::string name = listener->address().ToString();
  EXPECT_TRUE(Connect(base::StrCat("127.0.0.1", name.substr(name.rfind(':')))).ok()) << name;
}

TEST(TcpListener, NamesAPortThatIsTaken) {
  const auto first = Open("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const auto second = Open(first->address().ToString());
  EXPECT_THAT(std::string(second.status().message()),
              testing::AllOf(HasSubstr(first->address().ToString()),
                             HasSubstr("another process listens there"), HasSubstr("EADDRINUSE")));
}

TEST(TcpListener, NamesAnAddressThatIsNotOurs) {
  EXPECT_THAT(std::string(Open("192.0.2.1:0").status().message()),
              HasSubstr("this node has no such address"));
}

}  // namespace
}  // namespace oomtrail::api
