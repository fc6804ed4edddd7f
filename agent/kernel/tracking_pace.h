// How often allocation tracking looks, so that it keeps to its budget. Pure.
#pragma once

#include <cstdint>

namespace oomtrail::kernel {

// The one in N that makes `budget` events a second, after `recorded` ones in `seconds` at one in
// `one_in`. From 1 to TrackingOptions::kMaxOneIn. Up at once, down by no more than half at a time.
uint32_t AdaptRate(uint64_t recorded, double seconds, double budget, uint32_t one_in);

// When the programs are attached: `open` seconds of each `period`, at a random time in it.
struct WatchPlan {
  double open = 0.5;
  double period = 0.5;

  double share() const { return open / period; }
  bool always() const { return open >= period; }
};

// For so many events a second (samples or not) while the programs are attached.
WatchPlan PlanWatch(double events_per_second);

}  // namespace oomtrail::kernel
