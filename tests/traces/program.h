// A program's use of memory as a function of time, and the sampling of it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

#include "tests/traces/random.h"
#include "tests/traces/trace.h"

namespace oomtrail::traces {

// As shares of the limit that the program started with.
struct Memory {
  double used = 0;   // what reclaim cannot drop
  double cache = 0;  // inactive page cache, as far as there is room for it
};

struct Program {
  std::string name;
  Kind kind = Kind::kBenign;
  double seconds = 0;      // it ends by itself after so long, if it is not killed
  double growth_from = 0;  // a leak's start
  std::function<Memory(double seconds)> memory;  // asked in order of time
  double limit_raised_at = std::numeric_limits<double>::infinity();
  double limit_raised_to = 1;  // times the first one
};

// 1 Hz above half of the limit and every 5 s below, with a late one now and then; each CPU holds up
// to 64 pages more than are used; now and then inactive_file is not read.
Trace SampleOf(const Program& program, Random& random);

}  // namespace oomtrail::traces
