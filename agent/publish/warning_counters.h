// How good the warnings are: what became of each, which kills were warned of, and how long before.
// Owned and called by one thread, or under one lock, as Counters, which owns it, is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/model/event.h"
#include "agent/publish/metric_text.h"
#include "agent/publish/recent_ids.h"

namespace oomtrail::publish {

// From a warning to its kill: upper bounds in seconds; then what is above them all.
inline constexpr double kLeadBounds[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800};
inline constexpr size_t kLeadBuckets = std::size(kLeadBounds) + 1;
inline constexpr size_t kOutcomes = static_cast<size_t>(model::WarningOutcome::kExpired) + 1;

class WarningCounters {
 public:
  // A warning or an amendment of it, any number of times: its outcome counts once.
  void CountOutcome(const model::Event& warning);
  // Each kill once.
  void CountKill(const model::Event& kill);

  void Render(MetricText& text) const;

  // For the saved form: a word for each value there is.
  template <typename Visit>
  void ForEach(Visit visit) const {  // visit(word, value)
    for (size_t index = 0; index < values_.size(); ++index) visit(Word(index), values_[index]);
  }
  bool Restore(std::string_view word, uint64_t value);  // false where there is no such word
  const RecentIds& ended() const { return ended_; }
  RecentIds& ended() { return ended_; }

 private:
  // The values, one behind the other.
  static constexpr size_t kUnwarned = kOutcomes;
  static constexpr size_t kWarned = kUnwarned + 1;
  static constexpr size_t kLeads = kWarned + 1;
  static constexpr size_t kLeadMillis = kLeads + kLeadBuckets;

  static std::string Word(size_t index);

  std::array<uint64_t, kLeadMillis + 1> values_{};
  RecentIds ended_{1024};  // fingerprints of warnings
};

}  // namespace oomtrail::publish
