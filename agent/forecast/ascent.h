// A rise of memory, and when it reaches a limit if it goes on in its shape: steadily, ever faster
// (a leak that doubles), or ever slower (a heap that fills up to its size).
#pragma once

#include <optional>
#include <span>

#include "agent/forecast/history.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

// What is needed to speak of growth.
struct Evidence {
  double bytes = 0;
  double seconds = 0;
  int steps = 0;
};

// The points are in order of time, from where the rise may have begun. Growth below `known_bytes`
// has been seen to end well and counts for nothing.
//
// The confidence is that of a look ahead no longer than the look back: what grew, as a share of
// that and what remains. It is less if the growth slows down, or came in one step.
model::Trend ForecastAscent(std::span<const Point> points, std::optional<double> limit_bytes,
                            double known_bytes, const Evidence& least);

}  // namespace oomtrail::forecast
