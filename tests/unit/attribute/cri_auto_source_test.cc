#include "agent/attribute/cri_auto_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/fakes/fake_cri_server.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using fakes::FakeCriServer;
using testing::HasSubstr;
using testing::SizeIs;

constexpr int kUnimplemented = 12;
constexpr std::chrono::milliseconds kGenerous(20'000);

constexpr char kContainerd[] = "run/containerd/containerd.sock";
constexpr char kCrio[] = "run/crio/crio.sock";
constexpr char kDockerd[] = "run/cri-dockerd.sock";

void AddPod(FakeCriServer& server, const std::string& name) {
  ::runtime::v1::PodSandbox sandbox;
  sandbox.set_id(HexId('f'));
  sandbox.mutable_metadata()->set_name(name);
  sandbox.mutable_metadata()->set_namespace_("shop");
  sandbox.mutable_metadata()->set_uid(UidText('a'));
  server.Add(sandbox);
}

class CriAutoSourceTest : public testing::Test {
 protected:
  // The server's socket under one of the usual names.
  void Mount(const FakeCriServer& server, const std::string& name) {
    const std::filesystem::path path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::create_symlink(server.socket_path(), path);
  }
  void Unmount(const std::string& name) { std::filesystem::remove(root_ / name); }

  // The one pod that a listing names.
  std::string Asked() {
    const auto listing = source_.List();
    if (!listing.ok()) return std::string(listing.status().message());
    return listing->pods.empty() ? "no pods" : listing->pods[0].facts.name;
  }

  const fakes::TempDir root_;
  CriAutoSource source_{{.call_deadline = kGenerous}, root_.path()};
};

TEST_F(CriAutoSourceTest, NobodyIsThereAtFirst) {
  EXPECT_FALSE(source_.Present());
  EXPECT_EQ(source_.where(), "auto");
}

TEST_F(CriAutoSourceTest, FindsTheRuntimeThatComesLater) {
  FakeCriServer server;
  AddPod(server, "cart");
  EXPECT_FALSE(source_.Present());
  Mount(server, kContainerd);
  EXPECT_TRUE(source_.Present());
  EXPECT_EQ(Asked(), "cart");
  EXPECT_THAT(std::string(source_.where()), HasSubstr(kContainerd));
}

TEST_F(CriAutoSourceTest, ASocketThatVanishesIsAFailureAndItsReturnIsFound) {
  FakeCriServer server;
  AddPod(server, "cart");
  Mount(server, kContainerd);
  ASSERT_TRUE(source_.Present());
  ASSERT_EQ(Asked(), "cart");
  Unmount(kContainerd);
  server.Stop();
  EXPECT_TRUE(source_.Present()) << "events go on waiting for names";
  EXPECT_THAT(Asked(), HasSubstr("is the runtime running"));
  server.Start();
  Mount(server, kContainerd);
  const auto give_up = std::chrono::steady_clock::now() + kGenerous;
  std::string asked;
  while ((asked = Asked()) != "cart" && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_EQ(asked, "cart");
}

TEST_F(CriAutoSourceTest, ASocketThatVanishedBeforeItAnsweredIsToldWithTheRemedy) {
  {
    FakeCriServer server;
    Mount(server, kContainerd);
    ASSERT_TRUE(source_.Present());
    Unmount(kContainerd);
  }
  const auto listing = source_.List();
  EXPECT_TRUE(absl::IsUnavailable(listing.status()));
  EXPECT_THAT(std::string(listing.status().message()),
              testing::AllOf(HasSubstr(kContainerd), HasSubstr("directory mounted")));
}

TEST_F(CriAutoSourceTest, ARuntimeWithoutCriIsPassedOver) {
  FakeCriServer of_docker;
  of_docker.FailWith(kUnimplemented, "unknown service runtime.v1.RuntimeService");
  FakeCriServer dockerd;
  AddPod(dockerd, "cart");
  Mount(of_docker, kContainerd);
  Mount(dockerd, kDockerd);
  EXPECT_EQ(Asked(), "cart");
  EXPECT_THAT(std::string(source_.where()), HasSubstr(kDockerd));
}

TEST_F(CriAutoSourceTest, ARuntimeWithoutPodsIsPassedOverForOneThatHasSome) {
  FakeCriServer idle;
  FakeCriServer crio;
  Mount(idle, kContainerd);
  Mount(crio, kCrio);
  EXPECT_EQ(Asked(), "no pods") << "neither has any: still an answer";
  AddPod(crio, "cart");
  EXPECT_EQ(Asked(), "cart");
}

TEST_F(CriAutoSourceTest, TheNodesRuntimeIsNotLeftWhenItIsAway) {
  FakeCriServer idle;
  FakeCriServer crio;
  AddPod(crio, "cart");
  Mount(idle, kContainerd);
  Mount(crio, kCrio);
  ASSERT_EQ(Asked(), "cart");
  crio.Stop();
  EXPECT_THAT(Asked(), HasSubstr("is the runtime running"))
      << "a listing of the other would say that all pods are gone";
}

TEST_F(CriAutoSourceTest, AFailureOfTheOnlyOneIsTold) {
  FakeCriServer server;
  server.FailWith(kUnimplemented, "unknown service");
  Mount(server, kContainerd);
  EXPECT_THAT(Asked(), HasSubstr("the runtime has no CRI v1"));
}

TEST_F(CriAutoSourceTest, CancelEndsAListing) {
  FakeCriServer server;
  server.Hang();
  Mount(server, kContainerd);
  absl::Status status;
  std::thread lister([&] { status = source_.List().status(); });
  EXPECT_TRUE(server.WaitUntilHanging());
  source_.Cancel();
  lister.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status.message();
  EXPECT_TRUE(absl::IsCancelled(source_.List().status())) << "it is for good";
}

}  // namespace
}  // namespace oomtrail::attribute
