// What the terminal's colours mean here. Values; pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/strings.h"

namespace oomtrail::cli {

inline constexpr std::string_view kReset = "\x1b[0m";
inline constexpr std::string_view kKill = "\x1b[1;31m";     // somebody died
inline constexpr std::string_view kTrouble = "\x1b[1;33m";  // something is missing or was lost
inline constexpr std::string_view kNamed = "\x1b[36m";      // known before, now by name
inline constexpr std::string_view kStrong = "\x1b[1m";
inline constexpr std::string_view kFaint = "\x1b[2m";

// Each piece is reset where it ends, so that a line cut short colours nothing after it.
[[nodiscard]] inline std::string Paint(std::string_view color, std::string_view text, bool wanted) {
  return wanted ? base::StrCat(color, text, kReset) : std::string(text);
}

}  // namespace oomtrail::cli
