// Samples for a forecaster, one a second, of a cgroup with a limit of 1 GiB.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/forecast/forecaster.h"

namespace oomtrail::forecast {

inline constexpr uint64_t kMiB = 1 << 20;
inline constexpr uint64_t kSecond = 1'000'000'000;

class MemoryFeed {
 public:
  // `seconds` samples, in which usage grows evenly from where it is, up to `to_mib`.
  void Grow(int seconds, uint64_t to_mib) {
    const double from = usage_mib_;
    for (int i = 1; i <= seconds; ++i) {
      usage_mib_ = from + (static_cast<double>(to_mib) - from) * i / seconds;
      One();
    }
  }

  void Jump(uint64_t to_mib) {
    usage_mib_ = static_cast<double>(to_mib);
    One();
  }

  void Stay(int seconds) {
    for (int i = 0; i < seconds; ++i) One();
  }

  void set_limit_mib(std::optional<uint64_t> limit) { limit_mib_ = limit; }
  void set_inactive_file_mib(std::optional<uint64_t> cache) { inactive_file_mib_ = cache; }
  void set_interval(uint64_t ns) { interval_ns_ = ns; }
  void Wait(uint64_t seconds) { boot_ns_ += seconds * kSecond; }

  MemorySample Sample() const {
    MemorySample sample{.boot_ns = boot_ns_,
                        .usage_bytes = static_cast<uint64_t>(usage_mib_ * kMiB),
                        .limit_bytes = {},
                        .inactive_file_bytes = {}};
    if (limit_mib_) sample.limit_bytes = *limit_mib_ * kMiB;
    if (inactive_file_mib_) sample.inactive_file_bytes = *inactive_file_mib_ * kMiB;
    return sample;
  }

  Forecaster& forecaster() { return forecaster_; }
  const model::Trend& trend() const { return forecaster_.trend(); }
  double growth_mib() const { return trend().growth_bytes_per_second / kMiB; }

 private:
  void One() {
    boot_ns_ += interval_ns_;
    forecaster_.Add(Sample());
  }

  Forecaster forecaster_;
  uint64_t boot_ns_ = 100 * kSecond;
  uint64_t interval_ns_ = kSecond;
  double usage_mib_ = 0;
  std::optional<uint64_t> limit_mib_ = 1024;
  std::optional<uint64_t> inactive_file_mib_ = 0;
};

}  // namespace oomtrail::forecast
