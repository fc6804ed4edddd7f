// Levels of memory over time, thinned so that a fixed number of points reaches back for hours: the
// older, the further apart. Values; each has one owner.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace oomtrail::forecast {

struct Point {
  double seconds = 0;
  double bytes = 0;
};

// Which of two neighbours stays when they become one point.
enum class Keep { kLower, kHigher };

// Takes the pair of neighbours that are nearest to each other for their age and keeps one of them,
// never one of the newest. Returns the new number of points.
size_t ThinOut(std::span<Point> points, Keep keep);

template <size_t kCapacity, Keep kKeep>
class History {
 public:
  // In order of time.
  void Add(const Point& point) {
    if (size_ == kCapacity) size_ = ThinOut(points_, kKeep);
    points_[size_++] = point;
  }

  void Clear() { size_ = 0; }

  std::span<const Point> points() const { return {points_.data(), size_}; }

 private:
  std::array<Point, kCapacity> points_{};
  size_t size_ = 0;
};

}  // namespace oomtrail::forecast
