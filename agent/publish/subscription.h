// One reader of the stream: first what the journal has, then what happens.
//
// Owned by one reader, which calls Take() from one thread at a time. The change from history to
// live loses nothing and repeats nothing. Must not outlive its Stream.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "agent/publish/event_filter.h"
#include "agent/publish/live_queue.h"

namespace oomtrail::publish {

class Stream;

struct SubscriptionOptions {
  EventSelection selection;
  uint64_t after = 0;  // a sequence
  bool follow = false;
};

class Subscription {
 public:
  Subscription(Stream& stream, const SubscriptionOptions& options,
               std::shared_ptr<LiveQueue> queue);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // The next thing to tell. Absent: nothing now (the wake function will be called), or nothing ever
  // (`ended`). Reads the journal for a bounded time; where that finds nothing that matches, gives a
  // bookmark of how far it came.
  std::optional<StreamItem> Take();

  // A subscription that does not follow has told everything, the last a bookmark.
  bool ended() const { return state_ == State::kEnded; }

 private:
  enum class State { kHistory, kLive, kEnded };

  void ReadPage();
  std::optional<StreamItem> EndOfHistory();
  void AddLoss(uint64_t first, uint64_t last);

  Stream& stream_;
  const std::shared_ptr<LiveQueue> queue_;
  const bool follow_;
  uint64_t position_;  // read up to here
  uint64_t history_end_ = 0;
  State state_ = State::kHistory;
  std::deque<StreamItem> ready_;
};

}  // namespace oomtrail::publish
