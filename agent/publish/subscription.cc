#include "agent/publish/subscription.h"

#include <algorithm>
#include <utility>

#include "agent/publish/journal_event.h"
#include "agent/publish/stream.h"

namespace oomtrail::publish {
namespace {

constexpr size_t kPageEntries = 128;
constexpr size_t kPageBytes = 256UL << 10;
// What one Take() reads at most: some milliseconds.
constexpr int kPagesATake = 8;

}  // namespace

Subscription::Subscription(Stream& stream, const SubscriptionOptions& options,
                           std::shared_ptr<LiveQueue> queue)
    : stream_(stream),
      queue_(std::move(queue)),
      follow_(options.follow),
      position_(options.after),
      history_end_(std::max(options.after, stream.journal().head())) {}

Subscription::~Subscription() { stream_.Leave(queue_); }

std::optional<StreamItem> Subscription::Take() {
  if (state_ == State::kEnded) return std::nullopt;
  if (state_ == State::kLive) return queue_->Take(stream_.clock_.BootNanos());
  for (int page = 0; page < kPagesATake; ++page) {
    if (!ready_.empty()) {
      StreamItem item = std::move(ready_.front());
      ready_.pop_front();
      return item;
    }
    if (auto end = EndOfHistory()) return end;
    ReadPage();
  }
  if (ready_.empty()) {
    return StreamItem{.kind = StreamItem::Kind::kBookmark, .sequence = position_};
  }
  StreamItem item = std::move(ready_.front());
  ready_.pop_front();
  return item;
}

std::optional<StreamItem> Subscription::EndOfHistory() {
  if (follow_) {
    if (!stream_.GoLive(queue_, position_)) return std::nullopt;
    state_ = State::kLive;
  } else {
    if (position_ < history_end_) return std::nullopt;
    state_ = State::kEnded;
  }
  return StreamItem{.kind = StreamItem::Kind::kBookmark, .sequence = position_, .live = true};
}

void Subscription::AddLoss(uint64_t first, uint64_t last) {
  ready_.push_back({.kind = StreamItem::Kind::kJournalLoss,
                    .sequence = last,
                    .first = first,
                    .count = last - first + 1});
}

void Subscription::ReadPage() {
  journal::Page page = stream_.journal().Read(position_, kPageEntries, kPageBytes);
  if (!follow_) page.upto = std::min(page.upto, history_end_);
  for (const journal::Entry& entry : page.entries) {
    if (entry.sequence > page.upto) break;
    if (entry.sequence > position_ + 1) AddLoss(position_ + 1, entry.sequence - 1);
    position_ = entry.sequence;
    auto event = FromEntry(entry);
    if (!event.ok()) {
      AddLoss(entry.sequence, entry.sequence);
    } else if (queue_->selection().Admits(*event)) {
      event->cursor = stream_.CursorAt(entry.sequence);
      ready_.push_back({.sequence = entry.sequence,
                        .event = std::make_shared<const model::Event>(*std::move(event)),
                        .payload = entry.payload});
    }
  }
  if (position_ < page.upto) {
    AddLoss(position_ + 1, page.upto);
    position_ = page.upto;
  }
}

}  // namespace oomtrail::publish
