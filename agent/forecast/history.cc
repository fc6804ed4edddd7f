#include "agent/forecast/history.h"

#include <algorithm>
#include <limits>

namespace oomtrail::forecast {
namespace {

// So many of the newest stay as they came: what happens now is seen in full.
constexpr size_t kUntouched = 5;

}  // namespace

size_t ThinOut(std::span<Point> points, Keep keep) {
  const double now = points.back().seconds;
  size_t nearest = 0;
  double nearest_distance = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i + kUntouched < points.size(); ++i) {
    const double age = now - points[i].seconds;
    const double distance = (points[i + 1].seconds - points[i].seconds) / std::max(age, 1e-3);
    if (distance >= nearest_distance) continue;
    nearest = i;
    nearest_distance = distance;
  }
  const bool second = (points[nearest + 1].bytes < points[nearest].bytes) == (keep == Keep::kLower);
  const size_t dropped = second ? nearest : nearest + 1;
  std::ranges::move(points.subspan(dropped + 1), points.begin() + static_cast<ptrdiff_t>(dropped));
  return points.size() - 1;
}

}  // namespace oomtrail::forecast
