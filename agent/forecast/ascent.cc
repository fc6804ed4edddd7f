#include "agent/forecast/ascent.h"

#include <algorithm>
#include <cmath>

namespace oomtrail::forecast {
namespace {

constexpr double kFastest = 3;         // no growth is believed to speed up more in half a window
constexpr double kSteady = 0.8;        // slowing down by less is noise
constexpr double kSpent = 0.2;         // … and by more is the end of the growth
constexpr double kLongerWindow = 1.1;  // a longer window is of interest if it saw so much more

// The rise from one point to the newest, in two halves of equal time.
struct Window {
  double seconds = 0;
  double bytes = 0;
  double largest_step = 0;
  int steps = 0;
  double second_half = 0;  // what grew in it

  // The growth of the second half as a share of that of the first.
  double ratio() const {
    const double first_half = bytes - second_half;
    if (first_half * kFastest <= second_half) return kFastest;
    return second_half / first_half;
  }
};

double LevelAt(std::span<const Point> points, double seconds) {
  const auto after = std::ranges::lower_bound(points, seconds, {}, &Point::seconds);
  if (after == points.begin()) return points.front().bytes;
  const Point& next = *after;
  const Point& last = *(after - 1);
  const double share = (seconds - last.seconds) / (next.seconds - last.seconds);
  return last.bytes + share * (next.bytes - last.bytes);
}

// What grew, without a step that stands out: one large allocation is no growth.
double Spread(const Window& window) {
  const double usual = 2 * window.bytes / window.steps;
  return window.bytes - std::max(0.0, window.largest_step - usual);
}

double Confidence(const Window& window, double above_known, double remaining) {
  const double grown = std::clamp(Spread(window), 0.0, std::max(above_known, 0.0));
  const double steady = std::clamp((window.ratio() - kSpent) / (kSteady - kSpent), 0.0, 1.0);
  return grown <= 0 ? 0 : steady * grown / (grown + remaining);
}

// When `remaining` is used up, if each half window's growth relates to the one before as the last
// two did. Absent: never, the growth ends below.
std::optional<double> SecondsUntil(const Window& window, double remaining) {
  const double half = window.seconds / 2;
  const double ratio = window.ratio();
  if (window.second_half <= 0) return std::nullopt;
  if (std::abs(ratio - 1) < 0.01) return half * remaining / window.second_half;
  const double left = 1 - remaining * (1 - ratio) / (window.second_half * ratio);
  if (left <= 0) return std::nullopt;
  return half * std::log(left) / std::log(ratio);
}

// Looks back from the newest point, and calls `see` for windows each of which saw a good deal more
// growth than the one before. A window begins at the last point that was so low, and so holds
// nothing but the rise itself.
template <typename See>
void LookBack(std::span<const Point> points, const Evidence& least, See see) {
  const Point& newest = points.back();
  double most_seen = 0;
  double largest_step = 0;
  for (size_t i = points.size() - 1; i-- > 0;) {
    largest_step = std::max(largest_step, points[i + 1].bytes - points[i].bytes);
    Window window{.seconds = newest.seconds - points[i].seconds,
                  .bytes = newest.bytes - points[i].bytes,
                  .largest_step = largest_step,
                  .steps = static_cast<int>(points.size() - 1 - i)};
    if (window.bytes < least.bytes || window.bytes < most_seen * kLongerWindow) continue;
    most_seen = window.bytes;
    if (window.seconds < least.seconds || window.steps < least.steps) continue;
    window.second_half =
        newest.bytes - LevelAt(points.subspan(i), newest.seconds - window.seconds / 2);
    see(window);
  }
}

// Of the shortest time that shows a rise above the noise.
std::optional<double> RecentRate(std::span<const Point> points, const Evidence& least) {
  const Point& newest = points.back();
  for (size_t i = points.size() - 1; i-- > 0;) {
    const double seconds = newest.seconds - points[i].seconds;
    const double bytes = newest.bytes - points[i].bytes;
    if (seconds >= least.seconds && bytes >= least.bytes) return bytes / seconds;
  }
  return std::nullopt;
}

}  // namespace

model::Trend ForecastAscent(std::span<const Point> points, std::optional<double> limit_bytes,
                            double known_bytes, const Evidence& least) {
  model::Trend trend;
  if (points.size() < 2) return trend;
  const Point& newest = points.back();
  const std::optional<double> rate = RecentRate(points, least);
  if (!rate) {
    trend.growth_bytes_per_second =
        (newest.bytes - points.front().bytes) /
        std::max(newest.seconds - points.front().seconds, least.seconds);
    return trend;
  }
  trend.growth_bytes_per_second = *rate;
  const double remaining = std::max(0.0, limit_bytes.value_or(newest.bytes) - newest.bytes);
  LookBack(points, least, [&](const Window& window) {
    const double confidence = Confidence(window, newest.bytes - known_bytes, remaining);
    if (confidence <= trend.confidence) return;
    trend.confidence = confidence;
    trend.seconds_to_limit.reset();
    const std::optional<double> seconds = SecondsUntil(window, remaining);
    if (limit_bytes && seconds) trend.seconds_to_limit = std::max(*seconds, remaining / *rate);
  });
  return trend;
}

}  // namespace oomtrail::forecast
