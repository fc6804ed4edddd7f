// UTC times as RFC 3339 text. Thread-safe, pure.
#pragma once

#include <cstdint>
#include <string>

namespace oomtrail::base {

// "2026-11-21T05:41:07.123456789Z" (digits = 9) or "…07.123Z" (digits = 3).
std::string FormatUtc(int64_t wall_ns, int digits);

}  // namespace oomtrail::base
