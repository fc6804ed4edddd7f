#include "agent/api/event_service.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/api/service_fixture.h"

namespace oomtrail::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Ids(const v1::ListEventsResponse& page) {
  std::vector<std::string> ids;
  for (const auto& listed : page.events()) ids.push_back(listed.event().id());
  return ids;
}

TEST_F(ServiceTest, AnEventReachesTheSubscriberWithItsCursor) {
  Call call = WatchLive();
  Publish();
  const auto item = call.Next();
  ASSERT_TRUE(item && item->has_event());
  EXPECT_EQ(item->event().id(), "kill-1");
  EXPECT_EQ(item->event().pod().namespace_(), "shop");
  EXPECT_EQ(item->cursor(), stream_->CursorAt(1));
}

TEST_F(ServiceTest, AnAmendmentIsNamedOne) {
  Call call = WatchLive();
  auto event = publish::NumberedKill(1, "shop");
  stream_->Publish(event);
  event.revision = 1;
  stream_->Publish(event);
  stream_->Wake();
  EXPECT_TRUE(call.Next()->has_event());
  const auto item = call.Next();
  ASSERT_TRUE(item->has_amendment());
  EXPECT_EQ(item->amendment().revision(), 1U);
}

TEST_F(ServiceTest, ALossInTheKernelIsTold) {
  Call call = WatchLive();
  model::Event lost;
  lost.id = "l";
  lost.kind = model::Kind::kLost;
  lost.loss = model::Loss{.stage = "kill_ring_full", .count = 3};
  stream_->Publish(lost);
  stream_->Wake();
  const auto item = call.Next();
  ASSERT_TRUE(item->has_lost());
  EXPECT_EQ(item->lost().source(), v1::LOST_SOURCE_KERNEL);
  EXPECT_EQ(item->lost().stage(), "kill_ring_full");
  EXPECT_EQ(item->lost().count(), 3U);
}

TEST_F(ServiceTest, WhatIsNoRequestIsRefused) {
  const grpc::Slice garbage(std::string("\xff\xff\xff"));
  const grpc::ByteBuffer request(&garbage, 1);
  grpc::GenericStub generic(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call =
      generic.PrepareUnaryCall(&context, "/oomtrail.v1.EventService/WatchEvents", request, &queue);
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->StartCall();
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "not a WatchEventsRequest");
}

TEST_F(ServiceTest, WithoutAStartItBeginsNow) {
  Publish();
  Call call = WatchLive();
  Publish();
  EXPECT_EQ(call.Next()->event().id(), "kill-2");
}

TEST_F(ServiceTest, ACursorContinuesExactlyAfterItsItem) {
  std::string cursor;
  {
    Call call = WatchLive();
    Publish();
    cursor = call.Next()->cursor();
    call.Cancel();
  }
  Publish();
  Publish();
  v1::WatchEventsRequest request;
  request.set_cursor(cursor);
  Call call = Watch(request);
  EXPECT_EQ(call.Next()->event().id(), "kill-2");
  EXPECT_EQ(call.Next()->event().id(), "kill-3");
  const auto last = call.Next();
  EXPECT_TRUE(last->bookmark().live());
  EXPECT_EQ(last->cursor(), stream_->CursorAt(3));
  EXPECT_FALSE(call.Next().has_value());
  EXPECT_TRUE(call.reader->Finish().ok());
}

TEST_F(ServiceTest, SinceBeginsAtATime) {
  Publish();
  clock_.Advance(std::chrono::hours(1));
  Publish();
  v1::WatchEventsRequest request;
  request.mutable_since()->set_seconds(clock_.WallNanos() / 1'000'000'000 - 60);
  Call call = Watch(request);
  EXPECT_EQ(call.Next()->event().id(), "kill-2");
}

TEST_F(ServiceTest, NumberGivesTheNewestThatMatch) {
  for (int i = 0; i < 10; ++i) Publish(i % 2 == 0 ? "even" : "odd");
  v1::WatchEventsRequest request;
  request.set_number(2);
  request.add_allow()->add_namespaces("even");
  Call call = Watch(request);
  EXPECT_EQ(call.Next()->event().id(), "kill-7");
  EXPECT_EQ(call.Next()->event().id(), "kill-9");
  EXPECT_TRUE(call.Next()->has_bookmark());
}

TEST_F(ServiceTest, FiltersAllowAndDeny) {
  v1::WatchEventsRequest request;
  request.add_allow()->add_namespaces("shop");
  request.add_allow()->add_namespaces("bank");
  request.add_deny()->add_namespaces("bank");
  Call call = WatchLive(request);
  Publish("bank");
  Publish("other");
  Publish("shop");
  EXPECT_EQ(call.Next()->event().id(), "kill-3");
}

TEST_F(ServiceTest, AnExpiredCursorIsAnsweredWithTheOldestThatIsHeld) {
  journal_options_.memory_bytes = 20'000;
  RestartStream({});
  Publish();
  const std::string cursor = stream_->CursorAt(1);
  for (int i = 0; i < 500; ++i) Publish();
  v1::WatchEventsRequest request;
  request.set_cursor(cursor);
  Call call = Watch(request);
  EXPECT_FALSE(call.Next().has_value());
  const grpc::Status status = call.reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  const auto detail = DetailOf<google::rpc::ErrorInfo>(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason(), "CURSOR_EXPIRED");
  // With it the client goes on, and misses nothing more.
  request.set_cursor(detail->metadata().at("oldest_cursor"));
  Call again = Watch(request);
  EXPECT_EQ(again.Next()->cursor(), stream_->CursorAt(journal_->state().oldest));
}

TEST_F(ServiceTest, ACursorOfAnotherNodeIsRefusedByItsField) {
  v1::WatchEventsRequest request;
  request.set_cursor("other/ab/7");
  Call call = Watch(request);
  EXPECT_FALSE(call.Next().has_value());
  const grpc::Status status = call.reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto detail = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->field_violations(0).field(), "cursor");
  EXPECT_THAT(detail->field_violations(0).description(), HasSubstr("node other"));
}

TEST_F(ServiceTest, TooManySubscribersAreRefused) {
  RestartStream({.max_subscribers = 1});
  Call first = WatchLive();
  v1::WatchEventsRequest request;
  request.set_follow(true);
  Call second = Watch(request);
  EXPECT_FALSE(second.Next().has_value());
  EXPECT_EQ(second.reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServiceTest, WhoeverLeavesMakesRoom) {
  RestartStream({.max_subscribers = 1});
  for (int i = 0; i < 20; ++i) {
    Call call = WatchLive();
    Publish();
    EXPECT_TRUE(call.Next()->has_event());
    EXPECT_EQ(call.Cancel().error_code(), grpc::StatusCode::CANCELLED);
    // The server hears of it a moment later.
    while (stream_->subscribers() != 0) std::this_thread::yield();
  }
}

TEST_F(ServiceTest, ASlowReaderIsToldWhatItLostAndAQuickOneLosesNothing) {
  RestartStream({.max_queue = 16});
  Call slow = WatchLive();
  Call quick = WatchLive();
  constexpr uint64_t kEvents = 20'000;
  uint64_t quick_events = 0;
  std::thread reader([&] {
    while (const auto item = quick.Next()) {
      if (item->has_lost()) quick_events += item->lost().count();
      if (item->has_event()) ++quick_events;
      if (quick_events == kEvents) break;
    }
  });
  for (uint64_t i = 0; i < kEvents; ++i) Publish();
  reader.join();
  EXPECT_EQ(quick_events, kEvents);
  uint64_t events = 0;
  uint64_t lost = 0;
  while (events + lost < kEvents) {
    const auto item = slow.Next();
    ASSERT_TRUE(item.has_value()) << events << " events, " << lost << " lost";
    if (item->has_event()) ++events;
    if (item->has_lost()) {
      EXPECT_EQ(item->lost().source(), v1::LOST_SOURCE_SUBSCRIBER);
      lost += item->lost().count();
    }
  }
  EXPECT_EQ(events + lost, kEvents);
  EXPECT_GT(lost, 0U);
}

TEST_F(ServiceTest, HistoryComesInPages) {
  for (int i = 0; i < 25; ++i) Publish();
  v1::ListEventsRequest request;
  v1::ListEventsResponse page;
  request.set_page_size(10);
  std::vector<std::string> all;
  do {
    ASSERT_TRUE(List(request, &page).ok());
    EXPECT_LE(page.events_size(), 10);
    for (const std::string& id : Ids(page)) all.push_back(id);
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty());
  ASSERT_EQ(all.size(), 25U);
  EXPECT_EQ(all.front(), "kill-1");
  EXPECT_EQ(all.back(), "kill-25");
  EXPECT_EQ(page.cursor(), stream_->CursorAt(25)) << "where WatchEvents can go on";
}

TEST_F(ServiceTest, AListOfTheNewestBeginsWithTheOldestOfThem) {
  for (int i = 0; i < 25; ++i) Publish();
  v1::ListEventsRequest request;
  v1::ListEventsResponse page;
  request.set_number(3);
  ASSERT_TRUE(List(request, &page).ok());
  EXPECT_THAT(Ids(page), ElementsAre("kill-23", "kill-24", "kill-25"));
  EXPECT_TRUE(page.next_page_token().empty());
}

TEST_F(ServiceTest, AnEmptyHistoryIsAnEmptyPage) {
  v1::ListEventsResponse page;
  ASSERT_TRUE(List({}, &page).ok());
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_TRUE(page.next_page_token().empty());
  EXPECT_FALSE(page.cursor().empty());
}

TEST_F(ServiceTest, TheJournalsGapsAreCountedInAPage) {
  journal_options_.memory_bytes = 20'000;
  RestartStream({});
  Publish();
  v1::ListEventsRequest request;
  request.set_page_token(stream_->CursorAt(1));
  v1::ListEventsResponse page;
  for (int i = 0; i < 500; ++i) Publish();
  const grpc::Status status = List(request, &page);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  request.clear_page_token();
  ASSERT_TRUE(List(request, &page).ok());
  EXPECT_EQ(page.lost(), 0U) << "what is not held is not lost by this reader";
}

}  // namespace
}  // namespace oomtrail::api
