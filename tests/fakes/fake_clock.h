// A clock that stands still until a test moves it. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "agent/base/clock.h"

namespace oomtrail::fakes {

class FakeClock final : public base::Clock {
 public:
  uint64_t BootNanos() const override { return boot_ns_; }
  int64_t WallNanos() const override { return wall_ns_; }

  // Both clocks move on together.
  void Advance(std::chrono::nanoseconds by) {
    boot_ns_ += static_cast<uint64_t>(by.count());
    wall_ns_ += by.count();
  }
  // Somebody sets the wall clock.
  void SetWall(int64_t wall_ns) { wall_ns_ = wall_ns; }

 private:
  std::atomic<uint64_t> boot_ns_{1'000'000'000'000};
  std::atomic<int64_t> wall_ns_{1'795'239'667'123'456'789};  // 2026-11-21T05:41:07Z
};

}  // namespace oomtrail::fakes
