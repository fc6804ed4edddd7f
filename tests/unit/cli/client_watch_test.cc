#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "tests/fakes/fake_event_server.h"
#include "tests/unit/cli/client_process.h"
#include "tests/unit/cli/stream_items.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ClientWatchTest : public ::testing::Test {
 protected:
  // `arguments` after "watch" and the address.
  std::vector<std::string> Watch(std::vector<std::string> arguments = {}) const {
    std::vector<std::string> all = {"watch", "--server", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  fakes::FakeEventServer server_;
};

TEST_F(ClientWatchTest, TellsEventsAmendmentsAndLossesButNoBookmarks) {
  server_.OnWatch({.items = {BookmarkItem("n/1/1"), EventItem(publish::PartialKill(), "n/1/2"),
                             EventItem(publish::FullKill(1), "n/1/3"),
                             LostItem(v1::LOST_SOURCE_SUBSCRIBER, 4, "n/1/7"),
                             EventItem(publish::Lost(), "n/1/8")},
                   .hold = true});
  ClientProcess watch(Watch());
  EXPECT_EQ(watch.Line(), publish::ToText(publish::PartialKill()));
  EXPECT_EQ(watch.Line(), publish::ToText(publish::FullKill(1)));
  EXPECT_EQ(watch.Line(), "2026-11-21T05:41:08.000Z LOST 4 at subscriber_queue");
  EXPECT_EQ(watch.Line(), publish::ToText(publish::Lost()));
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Out(), "");
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientWatchTest, JsonIsTheOneJsonFormWithTheCursor) {
  std::vector<v1::WatchEventsResponse> items;
  for (const auto& sample : publish::Samples()) items.push_back(EventItem(sample.event, "n/1/9"));
  server_.OnWatch({.items = items, .hold = true});
  ClientProcess watch(Watch({"-o", "json"}));
  for (const auto& sample : publish::Samples()) {
    model::Event event = sample.event;
    event.cursor = "n/1/9";
    EXPECT_EQ(watch.Line(), publish::ToJson(event)) << sample.name;
  }
}

TEST_F(ClientWatchTest, ALossIsAnObjectOfKindLost) {
  server_.OnWatch({.items = {LostItem(v1::LOST_SOURCE_JOURNAL, 12, "n/1/40")}, .hold = true});
  ClientProcess watch(Watch({"-o", "json"}));
  EXPECT_EQ(watch.Line(),
            R"({"schema":"oomtrail.v1.event","id":"l18e9f8f769d48800-journal","revision":0,)"
            R"("time":"2026-11-21T05:41:08.000000000Z","boot_time_ns":0,"cursor":"n/1/40",)"
            R"("kind":"lost","lost":{"stage":"journal","count":12}})");
}

TEST_F(ClientWatchTest, BeginsNowOrWhereItIsTold) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {}, {"--cursor", "n/1/5"}, {"--last", "20"}, {"--since", "2026-11-21T05:41:07Z"}}) {
    server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/6")}, .hold = true});
    ClientProcess watch(Watch(arguments));
    ASSERT_TRUE(watch.Line());
  }
  const auto requests = server_.watches();
  ASSERT_EQ(requests.size(), 4U);
  for (const auto& request : requests) EXPECT_TRUE(request.follow());
  EXPECT_EQ(requests[0].start_case(), v1::WatchEventsRequest::START_NOT_SET);
  EXPECT_EQ(requests[0].number(), 0U);
  EXPECT_EQ(requests[1].cursor(), "n/1/5");
  EXPECT_EQ(requests[2].number(), 20U);
  EXPECT_EQ(requests[3].since().seconds(), 1'795'239'667);
}

TEST_F(ClientWatchTest, CtrlCEndsItCleanly) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .hold = true});
  ClientProcess watch(Watch({"--color", "always"}));
  EXPECT_THAT(watch.Line().value_or(""), EndsWith("Deployment/cart"));
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientWatchTest, CtrlCEndsItWhileNobodyReads) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .flood = true});
  ClientProcess watch(Watch());
  ASSERT_TRUE(watch.WaitUntilOutIsFull());
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientWatchTest, AReaderThatLeavesEndsItThoughNothingHappens) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .hold = true});
  ClientProcess watch(Watch());
  ASSERT_TRUE(watch.Line());
  watch.CloseOut();
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientWatchTest, AReaderThatLeavesEndsItWhileEventsCome) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .flood = true});
  ClientProcess watch(Watch());
  ASSERT_TRUE(watch.Line());
  watch.CloseOut();
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(), "");
}

TEST_F(ClientWatchTest, WithAClosedStdoutItFails) {
  ClientProcess watch(Watch(), ClientProcess::Stdout::kClosed);
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(watch.Err(), "oomtrail: stdout is closed: there is nowhere to write events to\n");
}

TEST_F(ClientWatchTest, TheEndOfTheStreamIsAFailureThatNamesReconnect) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}});
  ClientProcess watch(Watch());
  ASSERT_TRUE(watch.Line());
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(watch.Err(),
            "oomtrail: " + server_.address() +
                ": the agent ended the stream (--reconnect goes on after a restart)\n");
}

TEST_F(ClientWatchTest, AKindOfANewerAgentIsLeftOutAndSaidOnce) {
  auto newer = EventItem(publish::FullKill(), "n/1/2");
  newer.mutable_event()->set_kind(static_cast<v1::Kind>(99));
  v1::WatchEventsResponse no_item;
  no_item.set_cursor("n/1/3");
  server_.OnWatch(
      {.items = {newer, no_item, newer, EventItem(publish::FullKill(), "n/1/4")}, .hold = true});
  ClientProcess watch(Watch());
  EXPECT_EQ(watch.Line(), publish::ToText(publish::FullKill()));
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_EQ(watch.Err(),
            "oomtrail: events of a kind that this version does not know are left out: the agent is "
            "newer\n");
}

TEST_F(ClientWatchTest, AnEventThatNoAgentWouldSendEndsIt) {
  auto wrong = EventItem(publish::FullKill(), "n/1/2");
  wrong.mutable_event()->mutable_time()->set_nanos(-1);
  server_.OnWatch({.items = {wrong}, .hold = true});
  ClientProcess watch(Watch({"--reconnect"}));
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(watch.Err(),
            "oomtrail: the agent sent what it never would: event with a time out of range\n");
}

TEST_F(ClientWatchTest, AMessageTooLargeEndsItEvenWithReconnect) {
  auto large = EventItem(publish::FullKill(), "n/1/2");
  large.mutable_event()->set_node(std::string(9 << 20, 'x'));
  server_.OnWatch({.items = {large}, .hold = true});
  ClientProcess watch(Watch({"--reconnect"}));
  EXPECT_EQ(watch.Wait(), 1);
  const std::string said = watch.Err();
  EXPECT_THAT(said, HasSubstr("larger than max"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_F(ClientWatchTest, WhatTheAgentSaysIsEscapedOnce) {
  server_.OnWatch({.end = {grpc::StatusCode::INTERNAL, "a\nb\x1b[31m"}});
  ClientProcess watch(Watch());
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_EQ(watch.Err(), "oomtrail: " + server_.address() + R"(: a\x0ab\x1b[31m)" + "\n");
}

TEST_F(ClientWatchTest, ARefusedRequestNamesItsFields) {
  server_.OnWatch({.end = fakes::FakeEventServer::Refused("allow[0].pods[0]", "no such form")});
  ClientProcess watch(Watch());
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_THAT(watch.Err(),
              EndsWith("the agent refuses the request: allow[0].pods[0]: no such form\n"));
}

TEST_F(ClientWatchTest, ColoursAreThereWhenAskedFor) {
  server_.OnWatch({.items = {EventItem(publish::FullKill(), "n/1/2")}, .hold = true});
  ClientProcess watch(Watch({"--color", "always"}));
  EXPECT_THAT(watch.Line().value_or(""),
              StartsWith("\x1b[2m2026-11-21T05:41:07.123Z\x1b[0m \x1b[1;31mOOM-KILL\x1b[0m "
                         "\x1b[1mshop/cart-7d9f\x1b[0m api java[4312] "));
}

}  // namespace
}  // namespace oomtrail::cli
