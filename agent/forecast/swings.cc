#include "agent/forecast/swings.h"

#include <algorithm>
#include <array>

namespace oomtrail::forecast {
namespace {

constexpr double kCeilingSeconds = 3600;
constexpr size_t kTeeth = 5;
constexpr double kLongest = 2;  // periods: a swing that takes longer is another matter

}  // namespace

void Swings::Add(const Point& point, double least) {
  at_low_ = false;
  if (!extreme_) {
    extreme_ = point;
    began_ = point;
    at_low_ = true;
    return;
  }
  const bool further = rising_ ? point.bytes >= extreme_->bytes : point.bytes <= extreme_->bytes;
  if (further) {
    extreme_ = point;
    at_low_ = !rising_;
    return;
  }
  const double back = rising_ ? extreme_->bytes - point.bytes : point.bytes - extreme_->bytes;
  if (back >= least) Turn(point, least);
}

void Swings::Turn(const Point& point, double least) {
  if (rising_) {
    AddPeak(*extreme_, least);
  } else {
    troughs_.Add(*extreme_);
  }
  rising_ = !rising_;
  began_ = *extreme_;
  extreme_ = point;
  at_low_ = !rising_;
}

void Swings::AddPeak(const Point& peak, double least) {
  peaks_.Add(peak);
  const std::optional<double> known = ceiling(peak.seconds);
  if (known && peak.bytes < *known - least) return;
  ceiling_ = Point{.seconds = peak.seconds, .bytes = std::max(peak.bytes, known.value_or(0))};
}

std::optional<double> Swings::ceiling(double now_seconds) const {
  if (!ceiling_) return std::nullopt;
  if (now_seconds - ceiling_->seconds <= kCeilingSeconds) return ceiling_->bytes;
  std::optional<double> highest;
  for (const Point& peak : peaks()) {
    if (now_seconds - peak.seconds > kCeilingSeconds) continue;
    highest = std::max(highest.value_or(0), peak.bytes);
  }
  return highest;
}

std::optional<double> Swings::seconds_since_trough(const Point& now, double least) const {
  const std::span<const Point> known = troughs();
  if (known.size() < 2) return std::nullopt;
  const double since = now.seconds - known.back().seconds;
  const size_t periods = std::min<size_t>(3, known.size() - 1);
  const double span = known.back().seconds - known[known.size() - 1 - periods].seconds;
  const bool ended = since * static_cast<double>(periods) > kLongest * span;
  if (ended || now.bytes < known.back().bytes - least) return std::nullopt;
  return since;
}

double Swings::height() const {
  std::array<double, kTeeth> heights{};
  size_t count = 0;
  size_t trough = troughs().size();
  for (size_t peak = peaks().size(); peak-- > 0 && count < kTeeth;) {
    while (trough > 0 && troughs()[trough - 1].seconds > peaks()[peak].seconds) --trough;
    if (trough == 0) break;
    heights[count++] = peaks()[peak].bytes - troughs()[trough - 1].bytes;
  }
  if (count == 0) return 0;
  std::sort(heights.begin(), heights.begin() + count);
  return heights[count / 2];
}

void Swings::Clear() { *this = Swings(); }

}  // namespace oomtrail::forecast
