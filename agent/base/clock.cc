#include "agent/base/clock.h"

#include <cstdint>
#include <ctime>
#include <limits>

namespace oomtrail::base {
namespace {

int64_t Nanos(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

int64_t Clock::WallFromBoot(uint64_t boot_ns) const {
  // On a busy node the thread may lose its CPU between the two readings, for milliseconds: of a few
  // pairs the closest counts.
  constexpr int kPairs = 4;
  constexpr uint64_t kCloseNs = 5'000;
  uint64_t least_gap = std::numeric_limits<uint64_t>::max();
  int64_t wall_at_boot = 0;
  for (int i = 0; i < kPairs && least_gap > kCloseNs; ++i) {
    const uint64_t before = BootNanos();
    const int64_t wall = WallNanos();
    const uint64_t gap = BootNanos() - before;
    if (gap >= least_gap) continue;
    least_gap = gap;
    wall_at_boot = wall - static_cast<int64_t>(before + gap / 2);
  }
  return wall_at_boot + static_cast<int64_t>(boot_ns);
}

uint64_t SystemClock::BootNanos() const { return static_cast<uint64_t>(Nanos(CLOCK_BOOTTIME)); }
int64_t SystemClock::WallNanos() const { return Nanos(CLOCK_REALTIME); }

}  // namespace oomtrail::base
