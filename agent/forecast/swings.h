// Where memory turned: the peaks from which it was given back and the troughs it fell to. A garbage
// collector's teeth and a batch job's bursts are seen by these, whatever their period.
//
// Of fixed size. Owned and called by one thread.
#pragma once

#include <optional>
#include <span>

#include "agent/forecast/history.h"

namespace oomtrail::forecast {

class Swings {
 public:
  // In order of time. What moves less than `least` is no turn.
  void Add(const Point& point, double least);

  void Clear();

  // The newest point is the lowest since the last peak: growth begins here at the earliest.
  bool at_low() const { return at_low_; }

  // Where the present rise or fall began: at the last turn, or with the first point.
  const Point& began() const { return began_; }

  // Each trough is followed by the peak that ended its rise.
  std::span<const Point> peaks() const { return peaks_.points(); }
  std::span<const Point> troughs() const { return troughs_.points(); }

  // The highest level that was given back within the last hour.
  std::optional<double> ceiling(double now_seconds) const;

  // Since the last trough; absent if the memory no longer swings: the present swing takes far
  // longer than those before, or went deeper.
  std::optional<double> seconds_since_trough(const Point& now, double least) const;

  // How high the teeth are, from a trough to the peak after it: the median of the newest.
  double height() const;

 private:
  void Turn(const Point& point, double least);
  void AddPeak(const Point& peak, double least);

  History<9, Keep::kHigher> peaks_;
  History<9, Keep::kLower> troughs_;
  std::optional<Point> ceiling_;
  std::optional<Point> extreme_;  // of the present rise or fall
  Point began_;
  bool rising_ = false;
  bool at_low_ = false;
};

}  // namespace oomtrail::forecast
