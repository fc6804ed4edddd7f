#include "agent/publish/live_queue.h"

#include <utility>

namespace oomtrail::publish {

bool LiveQueue::Push(StreamItem item) {
  items_.push_back(std::move(item));
  return std::exchange(waiting_, false);
}

void LiveQueue::Begin(uint64_t sequence, uint64_t now_ns) {
  const base::MutexLock lock(mutex_);
  told_ = sequence;
  told_ns_ = now_ns;
}

bool LiveQueue::Offer(const StreamItem& event) {
  if (!selection_.Admits(*event.event)) return false;
  const base::MutexLock lock(mutex_);
  if (items_.size() < max_items_) return Push(event);
  // What does not fit is counted where it would have stood, so that order and number stay true.
  StreamItem& last = items_.back();
  if (last.kind == StreamItem::Kind::kSubscriberLoss) {
    last.sequence = event.sequence;
    ++last.count;
    return false;
  }
  return Push({.kind = StreamItem::Kind::kSubscriberLoss,
               .sequence = event.sequence,
               .first = event.sequence,
               .count = 1});
}

bool LiveQueue::OfferBookmark(uint64_t sequence, uint64_t now_ns, uint64_t after_ns) {
  const base::MutexLock lock(mutex_);
  if (!items_.empty() || sequence == told_ || now_ns - told_ns_ < after_ns) return false;
  return Push({.kind = StreamItem::Kind::kBookmark, .sequence = sequence, .live = true});
}

std::optional<StreamItem> LiveQueue::Take(uint64_t now_ns) {
  const base::MutexLock lock(mutex_);
  if (items_.empty()) {
    waiting_ = true;
    return std::nullopt;
  }
  StreamItem item = std::move(items_.front());
  items_.pop_front();
  told_ = item.sequence;
  told_ns_ = now_ns;
  return item;
}

}  // namespace oomtrail::publish
