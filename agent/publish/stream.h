// The one place where an event becomes public: it gets its cursor, goes into the journal and to
// everybody who is listening.
//
// Publish(), Wake() and Tick() belong to the pipeline's thread and never wait for a subscriber or a
// disk; the rest is thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/journal/journal.h"
#include "agent/model/event.h"
#include "agent/publish/event_filter.h"
#include "agent/publish/subscription.h"
#include "oomtrail/v1/event.pb.h"

namespace oomtrail::publish {

struct StreamBounds {
  size_t max_subscribers = 256;
  size_t max_queue = 512;  // items that wait for one subscriber
  std::chrono::seconds bookmark_after{15};
};

class Stream {
 public:
  // The journal must outlive the stream, and the stream its subscriptions.
  Stream(journal::Journal& journal, const base::Clock& clock, std::string node,
         StreamBounds bounds = {});

  // The event with its cursor; null where it had been told before (by the agent before this one,
  // from the same ring). Subscribers have it in their queues, and the journal in its memory: Wake()
  // wakes those who wait for it.
  std::shared_ptr<const model::Event> Publish(model::Event event);
  void Wake();
  // Once a second: bookmarks for those who have heard nothing for a while.
  void Tick();

  // `wake` is called, by any thread and with no lock held, when Take() may have something after it
  // had nothing. A last call may be on its way while the subscription is destroyed: it must own
  // what it touches. RESOURCE_EXHAUSTED: too many subscribers.
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(SubscriptionOptions options,
                                                          std::function<void()> wake);

  // The sequence after which the newest `number` events lie that the selection admits, but not
  // before `after`.
  uint64_t BeforeNewest(uint32_t number, uint64_t after, const EventSelection& selection) const;

  std::string CursorAt(uint64_t sequence) const;
  // INVALID_ARGUMENT: none of this node's. OUT_OF_RANGE: not held any more.
  absl::StatusOr<uint64_t> ResolveCursor(std::string_view cursor) const;
  // The one that reads everything that is held.
  std::string OldestCursor() const;

  const journal::Journal& journal() const { return journal_; }
  size_t subscribers() const;

 private:
  friend class Subscription;
  // Makes the subscription live if `position` is all there is; it then misses nothing.
  bool GoLive(const std::shared_ptr<LiveQueue>& queue, uint64_t position);
  void Leave(const std::shared_ptr<LiveQueue>& queue);

  journal::Journal& journal_;
  const base::Clock& clock_;
  const std::string node_;
  const StreamBounds bounds_;

  mutable base::Mutex mutex_;
  size_t subscribers_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<LiveQueue>> live_ ABSL_GUARDED_BY(mutex_);
  // The pipeline thread's own.
  std::vector<std::shared_ptr<LiveQueue>> to_wake_;
  v1::Event scratch_;
};

}  // namespace oomtrail::publish
