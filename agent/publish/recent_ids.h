// The ids seen last, so that what comes twice is counted once. Owned and called by one thread.
//
// Ids are kept as 64-bit fingerprints, which are the same in every process: they are saved with the
// counters. Bounded: a new id lets the oldest go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

#include "absl/container/flat_hash_set.h"

namespace oomtrail::publish {

// FNV-1a. Ids are made of pids, times and our own words: nobody can choose one to collide.
constexpr uint64_t Fingerprint(std::string_view id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

class RecentIds {
 public:
  explicit RecentIds(size_t capacity) : capacity_(capacity) {}

  // False where it is among those seen last.
  bool Add(uint64_t fingerprint) {
    if (!known_.insert(fingerprint).second) return false;
    in_order_.push_back(fingerprint);
    if (in_order_.size() > capacity_) {
      known_.erase(in_order_.front());
      in_order_.pop_front();
    }
    return true;
  }

  // The oldest first.
  const std::deque<uint64_t>& in_order() const { return in_order_; }

 private:
  size_t capacity_;
  std::deque<uint64_t> in_order_;
  absl::flat_hash_set<uint64_t> known_;
};

}  // namespace oomtrail::publish
