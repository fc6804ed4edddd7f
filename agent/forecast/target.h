// What the lookout keeps of one cgroup that it watches: a container, or the owner of a limit.
//
// Of fixed size. Owned and called by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "agent/forecast/alarm.h"
#include "agent/forecast/forecaster.h"
#include "agent/forecast/usage_reader.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

inline constexpr uint64_t kSecondNs = 1'000'000'000;

// A counter, or a usage, as it was some time ago.
template <size_t kSlots>
class Recently {
 public:
  explicit Recently(uint64_t span_ns) : span_ns_(span_ns) {}

  // Keeps about kSlots of the values of the last `span_ns`.
  void Add(uint64_t boot_ns, uint64_t value) {
    if (count_ > 0 && boot_ns < At(count_ - 1).boot_ns + span_ns_ / kSlots) return;
    if (count_ == kSlots) {
      first_ = (first_ + 1) % kSlots;
      --count_;
    }
    At(count_++) = {boot_ns, value};
  }

  // The oldest value of the last `span_ns`.
  std::optional<uint64_t> Before(uint64_t boot_ns) const {
    for (size_t i = 0; i < count_; ++i) {
      const Value& value = values_[(first_ + i) % kSlots];
      if (value.boot_ns + span_ns_ >= boot_ns) return value.value;
    }
    return std::nullopt;
  }

  void Clear() { count_ = 0; }

 private:
  struct Value {
    uint64_t boot_ns = 0;
    uint64_t value = 0;
  };
  Value& At(size_t i) { return values_[(first_ + i) % kSlots]; }

  uint64_t span_ns_;
  size_t first_ = 0;
  size_t count_ = 0;
  std::array<Value, kSlots> values_{};
};

struct Target {
  Forecaster forecaster;
  model::Trend trend;  // the forecaster's, as of the last sample
  Alarm alarm;
  WarnRule rule;

  Usage usage;  // of the last sample
  uint64_t sample_ns = 0;
  uint32_t misses = 0;  // in a row: it could not be read

  uint64_t working_set_ns = 0;           // when inactive page cache was last asked for; 0: never
  uint64_t working_set_usage_bytes = 0;  // usage at that time
  bool working_set_unreadable = false;   // it was not to be had
  std::optional<uint64_t> inactive_file_bytes;  // read in this pass
  std::optional<double> stalled_share;
  Recently<6> recent_usage{30 * kSecondNs};
  Recently<5> limit_hits{10 * kSecondNs};
  std::optional<uint64_t> recent_limit_hits;

  // A warning that could not be told, for the container that it names is warned of already.
  std::optional<model::Warning> untold;

  // Of its own limit; absent where it has none.
  std::optional<double> UsedShare() const {
    if (!usage.limit_bytes) return std::nullopt;
    return Share(usage.usage_bytes);
  }
  std::optional<double> WorkingSetShare() const {
    if (!usage.limit_bytes) return std::nullopt;
    return Share(forecaster.working_set_bytes());
  }

  // Over some 30 s; below 0 where it shrank.
  int64_t RecentGrowth() const {
    const auto before = recent_usage.Before(sample_ns);
    return before ? static_cast<int64_t>(usage.usage_bytes) - static_cast<int64_t>(*before) : 0;
  }

 private:
  double Share(uint64_t bytes) const {
    return *usage.limit_bytes == 0
               ? 1.0
               : static_cast<double>(bytes) / static_cast<double>(*usage.limit_bytes);
  }
};

}  // namespace oomtrail::forecast
