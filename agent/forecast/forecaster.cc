#include "agent/forecast/forecaster.h"

#include <algorithm>

namespace oomtrail::forecast {
namespace {

constexpr uint64_t kInactiveFileNs = 10'000'000'000;  // so long its last value stands for it
constexpr double kGapSeconds = 60;                    // nothing is known of what happened meanwhile

// A move is one if it is above this share of the limit, above this in bytes (a CPU's precharge is
// 256 KiB), and so many times what the level falls by without reason.
constexpr double kLeastShare = 0.02;
constexpr double kLeastBytes = 1 << 20;
constexpr double kNoises = 4;
constexpr double kMostNoiseShare = 0.0125;
constexpr double kNoiseWeight = 1.0 / 16;

constexpr double kRiseSeconds = 11;
constexpr int kRiseSteps = 6;
constexpr double kStartSeconds = 22;  // programs take memory when they start
constexpr double kFloorSeconds = 10;
constexpr int kFloorSteps = 3;

// Levels from the ceiling on to the limit are as good as reached: they are not known to be safe.
constexpr double kCeilingShare = 0.98;

}  // namespace

void Forecaster::Add(const MemorySample& sample) {
  if (sample.boot_ns <= boot_ns_) return;
  if (!TakeWorkingSet(sample)) return;
  boot_ns_ = sample.boot_ns;
  limit_bytes_.reset();
  if (sample.limit_bytes) limit_bytes_ = static_cast<double>(*sample.limit_bytes);

  const Point last = newest_;
  newest_ = {.seconds = static_cast<double>(boot_ns_) / 1e9,
             .bytes = static_cast<double>(working_set_bytes_)};
  if (!first_seconds_) first_seconds_ = newest_.seconds;
  const double most = kMostNoiseShare * limit_bytes_.value_or(newest_.bytes);
  noise_bytes_ += kNoiseWeight * (std::clamp(last.bytes - newest_.bytes, 0.0, most) - noise_bytes_);
  swings_.Add(newest_, Least());
  if (swings_.at_low() || newest_.seconds - last.seconds > kGapSeconds) since_low_.Clear();
  since_low_.Add(newest_);
  trend_ = Judge();
}

bool Forecaster::TakeWorkingSet(const MemorySample& sample) {
  if (!sample.inactive_file_bytes && inactive_file_bytes_ &&
      sample.boot_ns - inactive_file_ns_ <= kInactiveFileNs) {
    return false;
  }
  if (sample.inactive_file_bytes) {
    // Until now cache was taken for memory in use: what was seen is of another kind.
    const double cache = static_cast<double>(*sample.inactive_file_bytes);
    if (!inactive_file_bytes_ && cache > Least()) Forget();
    inactive_file_bytes_ = sample.inactive_file_bytes;
    inactive_file_ns_ = sample.boot_ns;
  }
  working_set_bytes_ =
      sample.usage_bytes - std::min(sample.usage_bytes, inactive_file_bytes_.value_or(0));
  return true;
}

double Forecaster::Least() const {
  const double share = kLeastShare * limit_bytes_.value_or(newest_.bytes);
  return std::max({share, kLeastBytes, kNoises * noise_bytes_});
}

model::Trend Forecaster::Rise() const {
  double known = swings_.ceiling(newest_.seconds).value_or(0);
  if (limit_bytes_ && known > kCeilingShare * *limit_bytes_) known = 0;
  model::Trend trend =
      ForecastAscent(since_low_.points(), limit_bytes_, known,
                     {.bytes = Least(), .seconds = kRiseSeconds, .steps = kRiseSteps});
  const double watched = newest_.seconds - *first_seconds_;
  trend.confidence *= std::min(1.0, watched / kStartSeconds);
  return trend;
}

std::optional<model::Trend> Forecaster::Floor() const {
  const std::optional<double> since = swings_.seconds_since_trough(newest_, Least());
  if (!since) return std::nullopt;
  std::optional<double> limit = limit_bytes_;
  if (limit) *limit -= swings_.height();
  model::Trend trend =
      ForecastAscent(swings_.troughs(), limit, 0,
                     {.bytes = Least(), .seconds = kFloorSeconds, .steps = kFloorSteps});
  if (trend.seconds_to_limit) {
    trend.seconds_to_limit = std::max(0.0, *trend.seconds_to_limit - *since);
  }
  return trend;
}

model::Trend Forecaster::Judge() const {
  model::Trend rise = Rise();
  const std::optional<model::Trend> floor = Floor();
  if (floor && floor->confidence >= rise.confidence) return *floor;
  const Point& began = swings_.began();
  if (swings_.at_low() && newest_.seconds > began.seconds) {
    rise.growth_bytes_per_second =
        (newest_.bytes - began.bytes) / (newest_.seconds - began.seconds);
  }
  return rise;
}

void Forecaster::Killed() {
  Forget();
  trend_ = {};
}

void Forecaster::Forget() {
  since_low_.Clear();
  swings_.Clear();
  first_seconds_.reset();
}

}  // namespace oomtrail::forecast
