// How one cgroup's memory moves, and when it reaches its limit. Pure: samples in, a trend out.
//
// Of fixed size (at most 1 KiB) and without allocation: there are as many as limits on the node.
// Owned and called by one thread.
#pragma once

#include "agent/forecast/sample.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

class Forecaster {
 public:
  // In order of time; a sample that is not newer than the last one is ignored.
  void Add(const MemorySample& sample);

  // As of the newest sample.
  model::Trend trend() const;
};

}  // namespace oomtrail::forecast
