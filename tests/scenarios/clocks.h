// Times as events show them, and the clocks behind. Pure but for the clocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace oomtrail::scenarios {

// Seconds since `start`.
inline double Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int64_t WallNanos();
// By the difference of the two clocks now.
int64_t BootToWall(int64_t boot_ns);

// "2026-11-21T05:41:07.123456789Z", exactly so; absent for anything else.
std::optional<int64_t> ParseUtc(std::string_view text);
std::string FormatUtc(int64_t wall_ns);

}  // namespace oomtrail::scenarios
