#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/publish/event_text.h"
#include "tests/fakes/fake_event_server.h"
#include "tests/unit/cli/client_process.h"
#include "tests/unit/cli/stream_items.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

v1::ListEventsResponse PageOf(const std::vector<model::Event>& events, const std::string& next,
                              const std::string& cursor) {
  v1::ListEventsResponse page;
  for (const auto& event : events) {
    auto* listed = page.add_events();
    publish::ToProto(event, listed->mutable_event());
    listed->set_cursor("n/1/" + std::to_string(page.events_size()));
  }
  page.set_next_page_token(next);
  page.set_cursor(cursor);
  return page;
}

class ClientListTest : public ::testing::Test {
 protected:
  std::vector<std::string> List(std::vector<std::string> arguments = {}) const {
    std::vector<std::string> all = {"list", "--server", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  fakes::FakeEventServer server_;
};

TEST_F(ClientListTest, TellsAllPages) {
  server_.OnList({.page = PageOf({publish::PartialKill(), publish::FullKill(1)}, "t1", "n/1/2")});
  server_.OnList({.page = PageOf({publish::HostKill()}, "", "n/1/3")});
  ClientProcess list(List({"--since", "2026-11-21T05:41:07.5Z", "--last", "3", "-n", "shop"}));
  EXPECT_EQ(list.Line(), publish::ToText(publish::PartialKill()));
  EXPECT_EQ(list.Line(), publish::ToText(publish::FullKill(1)));
  EXPECT_EQ(list.Line(), publish::ToText(publish::HostKill()));
  EXPECT_EQ(list.Wait(), 0);
  EXPECT_EQ(list.Out(), "");

  const auto requests = server_.lists();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].since().seconds(), 1'795'239'667);
  EXPECT_EQ(requests[0].since().nanos(), 500'000'000);
  EXPECT_EQ(requests[0].number(), 3U);
  EXPECT_EQ(requests[0].page_token(), "");
  EXPECT_FALSE(requests[1].has_since());
  EXPECT_EQ(requests[1].number(), 0U);
  EXPECT_EQ(requests[1].page_token(), "t1");
  EXPECT_EQ(requests[1].allow(0).namespaces(0), "shop");
}

TEST_F(ClientListTest, WhatAPageLacksIsToldAsALoss) {
  auto page = PageOf({publish::HostKill()}, "", "n/1/3");
  page.set_lost(7);
  server_.OnList({.page = page});
  ClientProcess list(List());
  EXPECT_THAT(list.Line().value_or(""), EndsWith(" LOST 7 at journal"));
  EXPECT_EQ(list.Line(), publish::ToText(publish::HostKill()));
  EXPECT_EQ(list.Wait(), 0);
}

TEST_F(ClientListTest, NothingIsNoFailure) {
  server_.OnList({.page = PageOf({}, "", "n/1/0")});
  ClientProcess list(List({"-o", "table"}));
  EXPECT_EQ(list.Wait(), 0);
  EXPECT_EQ(list.Out(), "");
  EXPECT_EQ(list.Err(), "");
}

TEST_F(ClientListTest, FollowContinuesWhereTheHistoryEnded) {
  server_.OnList({.page = PageOf({publish::FullKill()}, "", "n/1/8")});
  server_.OnWatch({.items = {EventItem(publish::HostKill(), "n/1/9")}, .hold = true});
  ClientProcess list(List({"-f", "--last", "1"}));
  EXPECT_EQ(list.Line(), publish::ToText(publish::FullKill()));
  EXPECT_EQ(list.Line(), publish::ToText(publish::HostKill()));
  ASSERT_EQ(server_.watches().size(), 1U);
  EXPECT_EQ(server_.watches()[0].cursor(), "n/1/8");
  EXPECT_EQ(server_.watches()[0].number(), 0U);
  list.Signal(SIGINT);
  EXPECT_EQ(list.Wait(), 0);
}

TEST_F(ClientListTest, APageThatNamesItselfAsTheNextEndsIt) {
  server_.OnList({.page = PageOf({publish::FullKill()}, "t1", "n/1/8")});
  server_.OnList({.page = PageOf({publish::FullKill()}, "t1", "n/1/8")});
  ClientProcess list(List());
  EXPECT_EQ(list.Wait(), 1);
  EXPECT_THAT(list.Err(), HasSubstr("the same page again and again"));
}

TEST_F(ClientListTest, AnExpiredCursorNamesTheOldest) {
  server_.OnList({.status = fakes::FakeEventServer::Expired("n/2/100")});
  ClientProcess list(List({"--cursor", "n/1/5"}));
  EXPECT_EQ(list.Wait(), 1);
  EXPECT_THAT(list.Err(), EndsWith("it has those after --cursor n/2/100\n"));
}

TEST_F(ClientListTest, AReaderThatLeavesEndsIt) {
  const std::vector<model::Event> many(1000, publish::FullKill());
  for (int i = 0; i < 5; ++i) {
    server_.OnList({.page = PageOf(many, "t" + std::to_string(i), "n/1/8")});
  }
  ClientProcess list(List());
  ASSERT_TRUE(list.Line());
  list.CloseOut();
  EXPECT_EQ(list.Wait(), 0);
  EXPECT_EQ(list.Err(), "");
}

TEST_F(ClientListTest, StatusIsAskedAndShown) {
  v1::GetNodeStatusResponse status;
  status.set_node("worker-3");
  server_.OnStatus(status);
  ClientProcess text({"status", "--server", server_.address()});
  EXPECT_EQ(text.Line(), "  node         worker-3");
  ClientProcess json({"status", "--server", server_.address(), "-o", "json"});
  EXPECT_THAT(json.Line().value_or(""), HasSubstr(R"("node":"worker-3")"));
  EXPECT_EQ(json.Wait(), 0);
  EXPECT_EQ(json.Out(), "");
}

}  // namespace
}  // namespace oomtrail::cli
