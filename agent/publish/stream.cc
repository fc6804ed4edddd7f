#include "agent/publish/stream.h"

#include <algorithm>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/publish/journal_event.h"

namespace oomtrail::publish {

Stream::Stream(journal::Journal& journal, const base::Clock& clock, std::string node,
               StreamBounds bounds)
    : journal_(journal), clock_(clock), node_(std::move(node)), bounds_(bounds) {
  to_wake_.reserve(bounds.max_subscribers);
  const base::MutexLock lock(mutex_);
  live_.reserve(bounds.max_subscribers);
}

std::shared_ptr<const model::Event> Stream::Publish(model::Event event) {
  journal::Entry entry = ToEntry(event, scratch_);
  StreamItem item{.payload = entry.payload};
  const base::MutexLock lock(mutex_);
  const auto sequence = journal_.Append(std::move(entry));
  if (!sequence) return nullptr;
  event.cursor = CursorAt(*sequence);
  item.sequence = *sequence;
  item.event = std::make_shared<const model::Event>(std::move(event));
  for (const auto& queue : live_) {
    if (queue->Offer(item)) to_wake_.push_back(queue);
  }
  return item.event;
}

void Stream::Wake() {
  for (const auto& queue : to_wake_) queue->Wake();
  to_wake_.clear();
  journal_.WriteSoon();
}

void Stream::Tick() {
  const uint64_t now_ns = clock_.BootNanos();
  const auto after_ns =
      static_cast<uint64_t>(std::chrono::nanoseconds(bounds_.bookmark_after).count());
  {
    const base::MutexLock lock(mutex_);
    const uint64_t head = journal_.head();
    for (const auto& queue : live_) {
      if (queue->OfferBookmark(head, now_ns, after_ns)) to_wake_.push_back(queue);
    }
  }
  Wake();
}

absl::StatusOr<std::unique_ptr<Subscription>> Stream::Subscribe(SubscriptionOptions options,
                                                                std::function<void()> wake) {
  {
    const base::MutexLock lock(mutex_);
    if (subscribers_ >= bounds_.max_subscribers) {
      return absl::ResourceExhaustedError(
          base::StrCat("this node has its ", bounds_.max_subscribers, " subscribers already"));
    }
    ++subscribers_;
  }
  auto queue =
      std::make_shared<LiveQueue>(std::move(options.selection), bounds_.max_queue, std::move(wake));
  return std::make_unique<Subscription>(*this, options, std::move(queue));
}

bool Stream::GoLive(const std::shared_ptr<LiveQueue>& queue, uint64_t position) {
  const base::MutexLock lock(mutex_);
  if (journal_.head() != position) return false;
  queue->Begin(position, clock_.BootNanos());
  live_.push_back(queue);
  return true;
}

void Stream::Leave(const std::shared_ptr<LiveQueue>& queue) {
  const base::MutexLock lock(mutex_);
  std::erase(live_, queue);
  --subscribers_;
}

uint64_t Stream::BeforeNewest(uint32_t number, uint64_t after,
                              const EventSelection& selection) const {
  constexpr size_t kPageEntries = 256;
  uint64_t before = journal_.head() + 1;
  uint32_t found = 0;
  while (found < number) {
    const auto entries = journal_.ReadBack(before, kPageEntries);
    for (const journal::Entry& entry : entries) {
      if (entry.sequence <= after) return after;
      before = entry.sequence;
      const auto event = FromEntry(entry);
      if (event.ok() && selection.Admits(*event) && ++found == number) return before - 1;
    }
    if (entries.size() < kPageEntries) break;
  }
  return std::max(after, before - 1);
}

std::string Stream::CursorAt(uint64_t sequence) const {
  return FormatCursor(node_, journal_.PositionOf(sequence));
}

absl::StatusOr<uint64_t> Stream::ResolveCursor(std::string_view cursor) const {
  ASSIGN_OR_RETURN(const journal::Position position, journal::ParseCursor(cursor, node_));
  return journal_.Resolve(position);
}

std::string Stream::OldestCursor() const { return CursorAt(journal_.state().oldest - 1); }

size_t Stream::subscribers() const {
  const base::MutexLock lock(mutex_);
  return subscribers_;
}

}  // namespace oomtrail::publish
