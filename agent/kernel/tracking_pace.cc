#include "agent/kernel/tracking_pace.h"

#include <algorithm>
#include <cmath>

#include "agent/kernel/allocation_tracker.h"

namespace oomtrail::kernel {
namespace {

// At 60 to 90 ns each, some 0.4 % of one core. Per node: all of them may come from one core.
constexpr double kAffordableEventsPerSecond = 50'000;
constexpr double kPeriodSeconds = 0.5;
// To attach and detach takes about a millisecond of CPU time, and patches code on every CPU.
constexpr double kMinOpenSeconds = 0.004;
constexpr double kMaxPeriodSeconds = 2;

}  // namespace

uint32_t AdaptRate(uint64_t recorded, double seconds, double budget, uint32_t one_in) {
  constexpr double kMax = TrackingOptions::kMaxOneIn;
  if (!(seconds > 0) || !(budget > 0)) return one_in;
  const double wanted = std::ceil(static_cast<double>(recorded) * one_in / seconds / budget);
  const double lowest = std::max(1U, one_in / 2);
  return static_cast<uint32_t>(std::clamp(wanted, lowest, kMax));
}

WatchPlan PlanWatch(double events_per_second) {
  const double share = kAffordableEventsPerSecond / std::max(events_per_second, 1.0);
  if (share >= 1) return {kPeriodSeconds, kPeriodSeconds};
  const double open = std::max(share * kPeriodSeconds, kMinOpenSeconds);
  return {open, std::min(open / share, kMaxPeriodSeconds)};
}

}  // namespace oomtrail::kernel
