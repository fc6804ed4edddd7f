#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/publish/event_text.h"
#include "tests/fakes/fake_event_server.h"
#include "tests/unit/cli/client_process.h"
#include "tests/unit/cli/stream_items.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ClientReconnectTest : public ::testing::Test {
 protected:
  std::vector<std::string> Watch(std::vector<std::string> arguments = {}) const {
    std::vector<std::string> all = {"watch", "--reconnect", "--server", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  // The command has told the first event and meets `end`; then the second.
  void ExpectToGoOnAfter(const grpc::Status& end) {
    server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .end = end});
    server_.OnWatch({.items = {EventItem(publish::HostKill(), "n/1/3")}, .hold = true});
    ClientProcess watch(Watch());
    EXPECT_EQ(watch.Line(), publish::ToText(publish::FullKill()));
    EXPECT_EQ(watch.Line(), publish::ToText(publish::HostKill()));
    EXPECT_EQ(server_.watches().back().cursor(), "n/1/2");
  }

  fakes::FakeEventServer server_;
};

TEST_F(ClientReconnectTest, ContinuesAfterTheLastCursorAcrossARestart) {
  server_.OnWatch(
      {.items = {EventItem(publish::FullKill(), "n/1/2"), BookmarkItem("n/1/5")}, .hold = true});
  server_.OnWatch({.items = {EventItem(publish::HostKill(), "n/2/6")}, .hold = true});
  ClientProcess watch(Watch({"--since", "1h", "-n", "shop"}));
  EXPECT_EQ(watch.Line(), publish::ToText(publish::FullKill()));
  server_.Stop();
  EXPECT_THAT(
      watch.ErrorLine().value_or(""),
      AllOf(StartsWith("oomtrail: no agent listens at unix:///"), EndsWith("; trying again")));
  server_.Start();
  EXPECT_EQ(watch.Line(), publish::ToText(publish::HostKill()));
  EXPECT_THAT(watch.ErrorLine().value_or(""), StartsWith("oomtrail: connected again to unix:///"));
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");

  const auto requests = server_.watches();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].has_since());
  EXPECT_EQ(requests[1].cursor(), "n/1/5");
  EXPECT_EQ(requests[1].allow(0).namespaces(0), "shop");
}

TEST_F(ClientReconnectTest, GoesOnAfterEveryEndThatARestartMayHave) {
  ExpectToGoOnAfter({});
  ExpectToGoOnAfter({grpc::StatusCode::UNAVAILABLE, "going down"});
  ExpectToGoOnAfter({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many subscribers"});
  ExpectToGoOnAfter({grpc::StatusCode::CANCELLED, ""});
}

TEST_F(ClientReconnectTest, WithoutACursorWhatHappenedMeanwhileIsAskedFor) {
  server_.OnWatch({.end = {grpc::StatusCode::UNAVAILABLE, "going down"}});
  server_.OnWatch({.items = {EventItem(publish::HostKill(), "n/1/3")}, .hold = true});
  ClientProcess watch(Watch());
  EXPECT_TRUE(watch.Line());
  const auto requests = server_.watches();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_FALSE(requests[0].has_since());
  EXPECT_TRUE(requests[1].has_since());
}

TEST_F(ClientReconnectTest, WaitsForAnAgentThatIsNotThereYet) {
  server_.Stop();
  server_.OnWatch({.items = {EventItem(publish::HostKill(), "n/1/3")}, .hold = true});
  ClientProcess watch(Watch());
  EXPECT_THAT(watch.ErrorLine().value_or(""), HasSubstr("no agent listens"));
  server_.Start();
  EXPECT_EQ(watch.Line(), publish::ToText(publish::HostKill()));
}

TEST_F(ClientReconnectTest, CtrlCEndsTheWaitForAnAgent) {
  server_.Stop();
  ClientProcess watch(Watch());
  EXPECT_TRUE(watch.ErrorLine());
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientReconnectTest, AnExpiredCursorIsToldAsALossAndLeftForTheOldest) {
  server_.OnWatch({.end = fakes::FakeEventServer::Expired("n/2/100")});
  server_.OnWatch({.items = {EventItem(publish::HostKill(), "n/2/101")}, .hold = true});
  ClientProcess watch(Watch({"--cursor", "n/1/5"}));
  EXPECT_EQ(watch.ErrorLine(),
            "oomtrail: LOST events between the cursors n/1/5 and n/2/100: the agent no longer has "
            "them");
  EXPECT_EQ(watch.Line(), publish::ToText(publish::HostKill()));
  const auto requests = server_.watches();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].cursor(), "n/1/5");
  EXPECT_EQ(requests[1].cursor(), "n/2/100");
}

TEST_F(ClientReconnectTest, AnExpiredCursorWithoutReconnectNamesTheOldest) {
  server_.OnWatch({.end = fakes::FakeEventServer::Expired("n/2/100")});
  ClientProcess watch({"watch", "--server", server_.address(), "--cursor", "n/1/5"});
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(watch.Err(),
            "oomtrail: the agent no longer has the events after n/1/5; it has those after --cursor "
            "n/2/100\n");
}

TEST_F(ClientReconnectTest, AnAgentThatCallsItsOwnOldestExpiredIsNotAskedForEver) {
  server_.OnWatch({.end = fakes::FakeEventServer::Expired("n/2/100")});
  server_.OnWatch({.end = fakes::FakeEventServer::Expired("n/2/100")});
  ClientProcess watch(Watch({"--cursor", "n/1/5"}));
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(server_.watches().size(), 2U);
}

TEST_F(ClientReconnectTest, ARefusedRequestIsNotTriedAgain) {
  server_.OnWatch({.end = fakes::FakeEventServer::Refused("cursor", "of another node")});
  ClientProcess watch(Watch({"--cursor", "other/1/5"}));
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_THAT(watch.Err(), EndsWith("cursor: of another node\n"));
  EXPECT_EQ(server_.watches().size(), 1U);
}

}  // namespace
}  // namespace oomtrail::cli
