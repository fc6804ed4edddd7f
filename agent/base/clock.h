// Time as the agent sees it, injected so that tests own it. Thread-safe.
//
// Kernel records carry CLOCK_BOOTTIME; people read UTC. The offset between the two moves when the
// wall clock is set, so it is sampled at each conversion, not once at start.
#pragma once

#include <cstdint>

namespace oomtrail::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since boot, suspend included: the clock of bpf_ktime_get_boot_ns().
  virtual uint64_t BootNanos() const = 0;
  // Nanoseconds since the epoch, UTC.
  virtual int64_t WallNanos() const = 0;

  // The UTC time of a moment given on the boot clock, by the offset in force now.
  int64_t WallFromBoot(uint64_t boot_ns) const;
};

class SystemClock final : public Clock {
 public:
  uint64_t BootNanos() const override;
  int64_t WallNanos() const override;
};

}  // namespace oomtrail::base
