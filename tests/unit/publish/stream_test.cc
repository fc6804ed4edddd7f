#include "agent/publish/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/publish/stream_fixture.h"

namespace oomtrail::publish {
namespace {

using Kind = StreamItem::Kind;

TEST_F(StreamTest, AnEventGetsTheCursorOfItsPlace) {
  const auto told = stream_->Publish(NumberedKill(1, "shop"));
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->cursor, stream_->CursorAt(1));
  EXPECT_EQ(*stream_->ResolveCursor(told->cursor), 1U);
}

TEST_F(StreamTest, WhatWasToldIsNotToldAgain) {
  const auto subscription = Subscribe({.follow = true});
  subscription->Take();  // the bookmark
  EXPECT_NE(stream_->Publish(NumberedKill(1, "shop")), nullptr);
  EXPECT_EQ(stream_->Publish(NumberedKill(1, "shop")), nullptr);
  EXPECT_EQ(subscription->Take()->sequence, 1U);
  EXPECT_FALSE(subscription->Take().has_value());
}

TEST_F(StreamTest, HistoryComesFirstThenABookmarkThenWhatHappens) {
  Publish();
  Publish();
  const auto subscription = Subscribe({.follow = true});
  EXPECT_EQ(subscription->Take()->event->id, "kill-1");
  EXPECT_EQ(subscription->Take()->event->id, "kill-2");
  const auto bookmark = subscription->Take();
  EXPECT_EQ(bookmark->kind, Kind::kBookmark);
  EXPECT_TRUE(bookmark->live);
  EXPECT_EQ(bookmark->sequence, 2U);
  EXPECT_FALSE(subscription->Take().has_value());
  Publish();
  const auto live = subscription->Take();
  EXPECT_EQ(live->event->id, "kill-3");
  EXPECT_EQ(live->event->cursor, stream_->CursorAt(3));
}

TEST_F(StreamTest, WithoutFollowItEndsWithWhatThereWasWhenItBegan) {
  Publish();
  const auto subscription = Subscribe({});
  Publish();
  EXPECT_EQ(subscription->Take()->event->id, "kill-1");
  const auto bookmark = subscription->Take();
  EXPECT_EQ(bookmark->kind, Kind::kBookmark);
  EXPECT_EQ(bookmark->sequence, 1U);
  EXPECT_FALSE(subscription->Take().has_value());
  EXPECT_TRUE(subscription->ended());
}

TEST_F(StreamTest, WakesOnlyWhoWaits) {
  int woken = 0;
  const auto subscription = Subscribe({.follow = true}, [&] { ++woken; });
  Publish();
  EXPECT_EQ(woken, 0) << "it has not asked yet";
  subscription->Take();
  subscription->Take();
  EXPECT_FALSE(subscription->Take().has_value());
  Publish();
  Publish();
  EXPECT_EQ(woken, 1) << "once is enough until it has taken everything";
}

TEST_F(StreamTest, OneThatTheFilterRefusesDoesNotWake) {
  int woken = 0;
  const auto subscription =
      Subscribe({.selection = Only("shop"), .follow = true}, [&] { ++woken; });
  subscription->Take();
  EXPECT_FALSE(subscription->Take().has_value());
  Publish("other");
  EXPECT_EQ(woken, 0);
  Publish("shop");
  EXPECT_EQ(woken, 1);
}

TEST_F(StreamTest, ASlowOneIsToldWhatItLostWhereItLostIt) {
  Restart({.max_queue = 3});
  const auto slow = Subscribe({.selection = Only("shop"), .follow = true});
  slow->Take();
  for (int i = 0; i < 3; ++i) Publish();
  Publish();         // lost
  Publish("other");  // not its own
  Publish();         // lost
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    EXPECT_EQ(slow->Take()->sequence, sequence);
  }
  Publish();
  const auto loss = slow->Take();
  EXPECT_EQ(loss->kind, Kind::kSubscriberLoss);
  EXPECT_EQ(loss->count, 2U);
  EXPECT_EQ(loss->first, 4U);
  EXPECT_EQ(loss->sequence, 6U);
  EXPECT_EQ(slow->Take()->sequence, 7U);
}

TEST_F(StreamTest, ASlowOneSlowsNobody) {
  Restart({.max_queue = 3});
  const auto slow = Subscribe({.follow = true});
  const auto quick = Subscribe({.follow = true});
  slow->Take();
  quick->Take();
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    Publish();
    ASSERT_EQ(quick->Take()->sequence, sequence);
  }
}

TEST_F(StreamTest, EverybodyIsToldOfLossesInTheKernel) {
  const auto subscription = Subscribe({.selection = Only("shop"), .follow = true});
  subscription->Take();
  model::Event lost;
  lost.id = "l1";
  lost.kind = model::Kind::kLost;
  lost.loss = model::Loss{.stage = "kill_ring_full", .count = 3};
  stream_->Publish(lost);
  EXPECT_EQ(subscription->Take()->event->loss->count, 3U);
}

TEST_F(StreamTest, WhoeverHearsNothingGetsABookmarkInPlace) {
  int woken = 0;
  const auto subscription =
      Subscribe({.selection = Only("shop"), .follow = true}, [&] { ++woken; });
  subscription->Take();
  EXPECT_FALSE(subscription->Take().has_value());
  Publish("other");
  stream_->Tick();
  EXPECT_EQ(woken, 0) << "not so soon";
  clock_.Advance(std::chrono::seconds(16));
  stream_->Tick();
  EXPECT_EQ(woken, 1);
  const auto bookmark = subscription->Take();
  EXPECT_EQ(bookmark->kind, Kind::kBookmark);
  EXPECT_EQ(bookmark->sequence, 1U);
  EXPECT_FALSE(subscription->Take().has_value());
  clock_.Advance(std::chrono::seconds(16));
  stream_->Tick();
  EXPECT_EQ(woken, 1) << "nothing has happened since";
}

TEST_F(StreamTest, ALongHistoryWithoutAMatchGivesBookmarksOnTheWay) {
  for (int i = 0; i < 3'000; ++i) Publish("other");
  const auto subscription = Subscribe({.selection = Only("shop")});
  const auto first = subscription->Take();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->kind, Kind::kBookmark);
  EXPECT_FALSE(first->live);
  EXPECT_LT(first->sequence, 3'000U);
  uint64_t last = first->sequence;
  while (const auto item = subscription->Take()) {
    EXPECT_EQ(item->kind, Kind::kBookmark);
    EXPECT_GE(item->sequence, last);
    last = item->sequence;
  }
  EXPECT_TRUE(subscription->ended());
  EXPECT_EQ(last, 3'000U);
}

TEST_F(StreamTest, FindsTheNewestThatMatch) {
  for (int i = 1; i <= 600; ++i) Publish(i % 2 == 0 ? "even" : "odd");
  EXPECT_EQ(stream_->BeforeNewest(1, 0, {}), 599U);
  EXPECT_EQ(stream_->BeforeNewest(2, 0, Only("odd")), 596U);
  EXPECT_EQ(stream_->BeforeNewest(2, 598, Only("odd")), 598U) << "but not before that";
  EXPECT_EQ(stream_->BeforeNewest(1'000, 0, Only("odd")), 0U);
  EXPECT_EQ(stream_->BeforeNewest(1, 0, Only("none")), 0U);
}

TEST_F(StreamTest, TakesSoManySubscribersAndNoMore) {
  Restart({.max_subscribers = 2});
  const auto first = Subscribe({});
  auto second = Subscribe({.follow = true});
  EXPECT_TRUE(absl::IsResourceExhausted(stream_->Subscribe({}, [] {}).status()));
  EXPECT_EQ(stream_->subscribers(), 2U);
  second.reset();
  EXPECT_NE(Subscribe({}), nullptr);
}

TEST_F(StreamTest, OneThatHasLeftIsNotWoken) {
  int woken = 0;
  auto subscription = Subscribe({.follow = true}, [&] { ++woken; });
  subscription->Take();
  subscription->Take();
  subscription.reset();
  Publish();
  EXPECT_EQ(woken, 0);
}

TEST_F(StreamTest, WhatTheJournalForgotIsToldAsLost) {
  journal_options_.memory_bytes = 20'000;
  Restart({});
  for (int i = 0; i < 500; ++i) Publish();
  const uint64_t oldest = journal_->state().oldest;
  ASSERT_GT(oldest, 1U);
  const auto subscription = Subscribe({});
  const auto loss = subscription->Take();
  EXPECT_EQ(loss->kind, Kind::kJournalLoss);
  EXPECT_EQ(loss->first, 1U);
  EXPECT_EQ(loss->sequence, oldest - 1);
  EXPECT_EQ(loss->count, oldest - 1);
  EXPECT_EQ(subscription->Take()->sequence, oldest);
}

}  // namespace
}  // namespace oomtrail::publish
