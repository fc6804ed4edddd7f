#include "agent/cli/time_argument.h"

#include <ctime>
#include <optional>

#include "agent/base/strings.h"

namespace oomtrail::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;
constexpr int kNanoDigits = 9;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<int64_t> SecondsOf(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86'400;
    case 'w': return 604'800;
    default: return std::nullopt;
  }
}

// The number that `text` starts with, which is then taken from it. `digits`: exactly so many.
std::optional<int64_t> TakeNumber(std::string_view* text, size_t digits = 0) {
  size_t length = 0;
  while (length < text->size() && IsDigit((*text)[length]) && (digits == 0 || length < digits)) {
    ++length;
  }
  int64_t value = 0;
  if (length == 0 || (digits != 0 && length != digits) ||
      !base::SimpleAtoi(text->substr(0, length), &value)) {
    return std::nullopt;
  }
  text->remove_prefix(length);
  return value;
}

std::optional<int64_t> ParseAgeSeconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    const auto number = TakeNumber(&text);
    if (!number || text.empty()) return std::nullopt;
    const auto unit = SecondsOf(text.front());
    text.remove_prefix(1);
    if (!unit || *number > kMaxSeconds / *unit) return std::nullopt;
    total += *number * *unit;
    if (total > kMaxSeconds) return std::nullopt;
  }
  return total;
}

// ".123456789": nanoseconds; further digits are cut off. 0 where there is no fraction.
std::optional<int64_t> TakeFraction(std::string_view* text) {
  if (!base::ConsumePrefix(text, ".")) return 0;
  int64_t nanos = 0;
  int digits = 0;
  while (!text->empty() && IsDigit(text->front())) {
    if (digits < kNanoDigits) nanos = nanos * 10 + (text->front() - '0');
    ++digits;
    text->remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < kNanoDigits; ++digits) nanos *= 10;
  return nanos;
}

// "Z", "+01:00", "-05:30": seconds east of UTC.
std::optional<int64_t> TakeOffset(std::string_view* text) {
  if (base::ConsumePrefix(text, "Z") || base::ConsumePrefix(text, "z")) return 0;
  const bool west = text->starts_with('-');
  if (!west && !text->starts_with('+')) return std::nullopt;
  text->remove_prefix(1);
  const auto hours = TakeNumber(text, 2);
  if (!hours || *hours > 23 || !base::ConsumePrefix(text, ":")) return std::nullopt;
  const auto minutes = TakeNumber(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const int64_t seconds = *hours * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

std::optional<int64_t> ParseRfc3339(std::string_view text) {
  struct Part {
    size_t digits;
    int64_t least;
    int64_t most;
    std::string_view after;  // one of these characters follows
  };
  static constexpr Part kParts[] = {{4, 1970, 2261, "-"}, {2, 1, 12, "-"}, {2, 1, 31, "Tt "},
                                    {2, 0, 23, ":"},      {2, 0, 59, ":"}, {2, 0, 60, ""}};
  int values[6] = {};
  for (size_t i = 0; i < std::size(kParts); ++i) {
    const auto number = TakeNumber(&text, kParts[i].digits);
    if (!number || *number < kParts[i].least || *number > kParts[i].most) return std::nullopt;
    values[i] = static_cast<int>(*number);
    if (kParts[i].after.empty()) continue;
    if (text.empty() || !base::StrContains(kParts[i].after, text.substr(0, 1))) return std::nullopt;
    text.remove_prefix(1);
  }
  const auto nanos = TakeFraction(&text);
  const auto offset = nanos ? TakeOffset(&text) : std::nullopt;
  if (!offset || !text.empty()) return std::nullopt;
  tm utc{};
  utc.tm_year = values[0] - 1900;
  utc.tm_mon = values[1] - 1;
  utc.tm_mday = values[2];
  utc.tm_hour = values[3];
  utc.tm_min = values[4];
  utc.tm_sec = values[5];
  const int64_t seconds = ::timegm(&utc);
  if (utc.tm_mon != values[1] - 1) return std::nullopt;  // the 31st of a shorter month
  return (seconds - *offset) * kNanosPerSecond + *nanos;
}

}  // namespace

absl::StatusOr<int64_t> ParseSince(std::string_view text, int64_t now_wall_ns) {
  if (const auto moment = ParseRfc3339(text)) return *moment;
  if (const auto age = ParseAgeSeconds(text)) {
    // What reaches back further than the epoch means everything.
    if (*age > now_wall_ns / kNanosPerSecond) return 0;
    return now_wall_ns - *age * kNanosPerSecond;
  }
  return absl::InvalidArgumentError(
      base::StrCat("'", text,
                   "' is neither an age (90s, 30m, 1h30m, 2d) nor an RFC 3339 time "
                   "(2026-11-21T05:41:07Z)"));
}

absl::StatusOr<uint32_t> ParseTimeoutSeconds(std::string_view text) {
  constexpr int64_t kLongest = 604'800;
  const auto seconds = ParseAgeSeconds(text);
  if (seconds && *seconds > 0 && *seconds <= kLongest) return static_cast<uint32_t>(*seconds);
  return absl::InvalidArgumentError(
      base::StrCat("'", text, "' is no time from a second to a week (90s, 5m, 1h30m)"));
}

}  // namespace oomtrail::cli
