#include "agent/attribute/cri_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "agent/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::attribute {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A socket file at `path`, which stays after nobody listens any more.
void MakeSocket(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

TEST(DetectCriEndpoints, FindsNothingOnABareHost) {
  const fakes::TempDir root;
  EXPECT_THAT(DetectCriEndpoints(root.path()), IsEmpty());
}

TEST(DetectCriEndpoints, FindsTheUsualSocketsBestFirst) {
  const fakes::TempDir root;
  MakeSocket(root / "run/crio/crio.sock");
  MakeSocket(root / "run/containerd/containerd.sock");
  MakeSocket(root / "run/k3s/containerd/containerd.sock");
  EXPECT_THAT(DetectCriEndpoints(root.path()),
              ElementsAre(root / "run/containerd/containerd.sock", root / "run/crio/crio.sock",
                          root / "run/k3s/containerd/containerd.sock"));
}

TEST(DetectCriEndpoints, FindsOneBelowVarRun) {
  const fakes::TempDir root;
  MakeSocket(root / "var/run/cri-dockerd.sock");
  EXPECT_THAT(DetectCriEndpoints(root.path()), ElementsAre(root / "var/run/cri-dockerd.sock"));
}

TEST(DetectCriEndpoints, CountsASocketOnceWhereVarRunIsALink) {
  const fakes::TempDir root;
  MakeSocket(root / "run/containerd/containerd.sock");
  std::filesystem::create_directories(root / "var");
  std::filesystem::create_symlink("../run", root / "var/run");
  EXPECT_THAT(DetectCriEndpoints(root.path()),
              ElementsAre(root / "run/containerd/containerd.sock"));
}

TEST(DetectCriEndpoints, AFileInASocketsPlaceIsNone) {
  const fakes::TempDir root;
  root.Write("run/containerd/containerd.sock", "");
  EXPECT_THAT(DetectCriEndpoints(root.path()), IsEmpty());
}

TEST(ParseCriEndpoint, TakesAUrlOrAPath) {
  EXPECT_EQ(*ParseCriEndpoint("unix:///run/x.sock"), "/run/x.sock");
  EXPECT_EQ(*ParseCriEndpoint("/run/x.sock"), "/run/x.sock");
}

struct Row {
  const char* name;
  std::string flag;
  const char* expected;
};
class BadEndpointTest : public testing::TestWithParam<Row> {};

TEST_P(BadEndpointTest, IsRefusedInOneLineWithTheRemedy) {
  const auto path = ParseCriEndpoint(GetParam().flag);
  ASSERT_TRUE(absl::IsInvalidArgument(path.status()));
  EXPECT_THAT(std::string(path.status().message()),
              AllOf(HasSubstr("--cri-endpoint"), HasSubstr(GetParam().expected),
                    HasSubstr("such as unix:///run/containerd/containerd.sock")));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadEndpointTest,
    testing::Values(Row{"empty", "", "is empty"},
                    Row{"tcp", "tcp://127.0.0.1:1234", "only unix sockets"},
                    Row{"pipe", "npipe:////./pipe/x", "only unix sockets"},
                    Row{"relative", "run/x.sock", "not an absolute path"},
                    Row{"relative_url", "unix://run/x.sock", "not an absolute path"},
                    Row{"too_long", "/" + std::string(107, 'x'), "longer than the 107 bytes"},
                    Row{"percent", "/run/a%20b", "one of %"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CheckCriEndpoint, AcceptsASocket) {
  const fakes::TempDir root;
  MakeSocket(root / "x.sock");
  EXPECT_TRUE(CheckCriEndpoint(root / "x.sock").ok());
}

TEST(CheckCriEndpoint, TellsThatNothingIsThere) {
  const fakes::TempDir root;
  const auto status = CheckCriEndpoint(root / "x.sock");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(root / "x.sock: no such file"), HasSubstr("is the runtime running")));
}

TEST(CheckCriEndpoint, TellsADirectory) {
  const fakes::TempDir root;
  EXPECT_THAT(std::string(CheckCriEndpoint(root.path()).message()),
              HasSubstr("is a directory, not a socket"));
}

TEST(CheckCriEndpoint, TellsAFile) {
  const fakes::TempDir root;
  EXPECT_THAT(std::string(CheckCriEndpoint(root.Write("x", "")).message()),
              HasSubstr("is not a socket"));
}

}  // namespace
}  // namespace oomtrail::attribute
