// watch --stop-after and --timeout: an end, and an exit code that a script can use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/publish/event_text.h"
#include "tests/fakes/fake_event_server.h"
#include "tests/unit/cli/client_process.h"
#include "tests/unit/cli/stream_items.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;

class ClientEndTest : public ::testing::Test {
 protected:
  std::vector<std::string> Watch(std::vector<std::string> arguments) const {
    std::vector<std::string> all = {"watch", "--server", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  fakes::FakeEventServer server_;
};

TEST_F(ClientEndTest, StopsAfterSoManyEvents) {
  server_.OnWatch({.items = {BookmarkItem("n/1/1"), EventItem(publish::FullKill(1), "n/1/2"),
                             LostItem(v1::LOST_SOURCE_SUBSCRIBER, 4, "n/1/6")},
                   .hold = true});
  ClientProcess watch(Watch({"--stop-after", "1"}));
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Out(), publish::ToText(publish::FullKill(1)) + "\n");
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientEndTest, AnEventAndItsAmendmentAreOne) {
  model::Event other = publish::FullKill(1);
  other.id = "another";
  server_.OnWatch(
      {.items = {EventItem(publish::FullKill(0), "n/1/2"), EventItem(publish::FullKill(1), "n/1/3"),
                 EventItem(other, "n/1/4"), EventItem(publish::FullKill(2), "n/1/5")},
       .hold = true});
  ClientProcess watch(Watch({"--stop-after", "2"}));
  EXPECT_EQ(watch.Wait(), 0);
  for (const auto& event : {publish::FullKill(0), publish::FullKill(1), other}) {
    EXPECT_EQ(watch.Line(), publish::ToText(event));
  }
  EXPECT_EQ(watch.Out(), "");
}

TEST_F(ClientEndTest, CountsAcrossReconnections) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}});
  model::Event other = publish::FullKill();
  other.id = "another";
  server_.OnWatch({.items = {EventItem(other, "n/1/3")}, .hold = true});
  ClientProcess watch(Watch({"--stop-after", "2", "--reconnect"}));
  EXPECT_EQ(watch.Wait(), 0);
}

TEST_F(ClientEndTest, TooFewInTimeIsAFailureThatSaysHowMany) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .hold = true});
  ClientProcess watch(Watch({"--stop-after", "2", "--timeout", "1s"}));
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(watch.Err(), "oomtrail: --timeout: in 1 s, 1 of 2 events were told\n");
}

TEST_F(ClientEndTest, ATimeThatIsOverIsNoFailureWhereNoNumberWasAskedFor) {
  server_.OnWatch({.hold = true});
  ClientProcess watch(Watch({"--timeout", "1s"}));
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientEndTest, TheTimeEndsTheWaitForAnAgentToo) {
  server_.Stop();
  ClientProcess watch(Watch({"--stop-after", "1", "--timeout", "1s", "--reconnect"}));
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_THAT(watch.Err(), HasSubstr("in 1 s, 0 of 1 events were told"));
}

TEST_F(ClientEndTest, TheTimeEndsAWriteThatNobodyReads) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .flood = true});
  ClientProcess watch(Watch({"--timeout", "1s"}));
  ASSERT_TRUE(watch.WaitUntilOutIsFull());
  EXPECT_EQ(watch.Wait(), 0);
}

TEST_F(ClientEndTest, ATimeThatIsNoneIsRefused) {
  for (const char* text : {"", "5", "0s", "1x", "-1s", "8d", "1h and a bit"}) {
    ClientProcess watch(Watch({"--timeout", text}));
    EXPECT_EQ(watch.Wait(), *text == '\0' ? 1 : 2) << text;
  }
}

}  // namespace
}  // namespace oomtrail::cli
