// Events that are not counted yet because better names may come. Owned and called by one thread;
// its owner bounds their number and their wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/publish/container_series.h"

namespace oomtrail::publish {

struct HeldEvent {
  uint64_t id = 0;  // Fingerprint() of the event's
  ContainerName name;
  size_t series = kUnknownScope;  // of ContainerSeries
  uint64_t amount = 1;
  uint64_t since_ns = 0;

  bool is_kill() const { return series < kWithoutKill; }
};

class HeldEvents {
 public:
  bool empty() const { return in_order_.empty(); }
  size_t size() const { return in_order_.size(); }

  // `event.id` is not among those held.
  void Hold(HeldEvent event) {
    places_[event.id] = next_place_;
    in_order_.emplace_hint(in_order_.end(), next_place_++, std::move(event));
  }

  // Valid until the next call that changes something; nullptr where it is not held.
  HeldEvent* Find(uint64_t id) {
    const auto place = places_.find(id);
    return place == places_.end() ? nullptr : &in_order_.at(place->second);
  }

  // The one held longest; there is one.
  const HeldEvent& Oldest() const { return in_order_.begin()->second; }

  // It is held.
  HeldEvent Take(uint64_t id) {
    const auto place = places_.find(id);
    HeldEvent event = std::move(in_order_.extract(place->second).mapped());
    places_.erase(place);
    return event;
  }

  template <typename Visit>
  void ForEach(Visit visit) const {  // the oldest first
    for (const auto& [place, event] : in_order_) visit(event);
  }

 private:
  uint64_t next_place_ = 0;
  std::map<uint64_t, HeldEvent> in_order_;
  absl::flat_hash_map<uint64_t, uint64_t> places_;  // by id
};

}  // namespace oomtrail::publish
