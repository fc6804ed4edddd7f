// The values of --since, an age or a moment, and of --timeout. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace oomtrail::cli {

// "90s", "30m", "1h30m", "2d", "1w" before `now_wall_ns`, or an RFC 3339 time with its offset, as
// nanoseconds since the epoch. The error names both forms.
absl::StatusOr<int64_t> ParseSince(std::string_view text, int64_t now_wall_ns);

// "90s", "5m", "1h30m": from a second to a week. The error names the form.
absl::StatusOr<uint32_t> ParseTimeoutSeconds(std::string_view text);

}  // namespace oomtrail::cli
