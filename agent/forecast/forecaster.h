// How one cgroup's memory moves, and when it reaches its limit. Pure: samples in, a trend out.
//
// Of fixed size (at most 1 KiB) and without allocation: there are as many as limits on the node.
// Owned and called by one thread.
#pragma once

#include <cstdint>

#include "agent/forecast/sample.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

class Forecaster {
 public:
  // In order of time; a sample that is not newer than the last one is ignored.
  void Add(const MemorySample& sample);

  // An OOM kill in this cgroup: what was given back by it says nothing of what the program does.
  void Killed();

  // As of the newest sample.
  model::Trend trend() const;

  // The forecast is on this: usage without the page cache that was last known to be inactive.
  uint64_t working_set_bytes() const { return working_set_bytes_; }

 private:
  uint64_t boot_ns_ = 0;
  uint64_t working_set_bytes_ = 0;
};

static_assert(sizeof(Forecaster) <= 1024);

}  // namespace oomtrail::forecast
