// What waits for one live subscriber: bounded, and honest about what did not fit. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/base/mutex.h"
#include "agent/model/event.h"
#include "agent/publish/event_filter.h"

namespace oomtrail::publish {

// One thing to tell a subscriber.
struct StreamItem {
  enum class Kind {
    kEvent,
    kSubscriberLoss,  // it was too slow: `count` matching events from `first` to `sequence`
    kJournalLoss,     // the journal has them no more: `count` events from `first` to `sequence`
    kBookmark,        // nothing up to `sequence`
  };
  Kind kind = Kind::kEvent;
  uint64_t sequence = 0;  // it continues after this
  std::shared_ptr<const model::Event> event;
  std::shared_ptr<const std::string> payload;  // the same, as the journal has it: a v1.Event
  uint64_t first = 0;
  uint64_t count = 0;
  bool live = false;  // kBookmark: the history ends here
};

class LiveQueue {
 public:
  LiveQueue(EventSelection selection, size_t max_items, std::function<void()> wake)
      : selection_(std::move(selection)), max_items_(max_items), wake_(std::move(wake)) {}

  const EventSelection& selection() const { return selection_; }

  // The subscriber has been told everything up to `sequence`.
  void Begin(uint64_t sequence, uint64_t now_ns);

  // The publisher's. True where the subscriber waits: call Wake() then, with no lock held.
  bool Offer(const StreamItem& event);
  bool OfferBookmark(uint64_t sequence, uint64_t now_ns, uint64_t after_ns);
  void Wake() { wake_(); }

  // The subscriber's. Absent: it will be woken.
  std::optional<StreamItem> Take(uint64_t now_ns);

 private:
  bool Push(StreamItem item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const EventSelection selection_;
  const size_t max_items_;
  const std::function<void()> wake_;

  base::Mutex mutex_;
  std::deque<StreamItem> items_ ABSL_GUARDED_BY(mutex_);
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t told_ ABSL_GUARDED_BY(mutex_) = 0;  // the last sequence that was taken
  uint64_t told_ns_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace oomtrail::publish
