// How one cgroup's memory moves, and when it reaches its limit. Pure: samples in, a trend out.
//
// What is forecast is the working set, by two looks at it. The present rise, from the last trough
// on: growth below a level that was given back before is no news. And the troughs themselves: a
// floor that rises under a garbage collector's teeth, until the teeth reach the limit.
//
// Of fixed size (at most 1 KiB) and without allocation: there are as many as limits on the node.
// Owned and called by one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/forecast/ascent.h"
#include "agent/forecast/history.h"
#include "agent/forecast/sample.h"
#include "agent/forecast/swings.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

class Forecaster {
 public:
  // In order of time; a sample that is not newer than the last one is ignored. So is one without
  // inactive_file_bytes, if another told it a few seconds ago.
  void Add(const MemorySample& sample);

  // An OOM kill in this cgroup: that memory was given back by it says nothing of the program.
  void Killed();

  // As of the newest sample.
  const model::Trend& trend() const { return trend_; }

  // What the forecast is on: usage without the page cache that was last known to be inactive.
  uint64_t working_set_bytes() const { return working_set_bytes_; }

 private:
  bool TakeWorkingSet(const MemorySample& sample);
  double Least() const;
  model::Trend Rise() const;
  std::optional<model::Trend> Floor() const;  // absent: it does not swing
  model::Trend Judge() const;
  void Forget();

  History<32, Keep::kLower> since_low_;
  Swings swings_;
  std::optional<double> first_seconds_;
  Point newest_;
  std::optional<double> limit_bytes_;
  std::optional<uint64_t> inactive_file_bytes_;
  uint64_t inactive_file_ns_ = 0;
  uint64_t boot_ns_ = 0;
  uint64_t working_set_bytes_ = 0;
  double noise_bytes_ = 0;
  model::Trend trend_;
};

static_assert(sizeof(Forecaster) <= 1024);

}  // namespace oomtrail::forecast
