#include "tests/scenarios/clocks.h"

#include <cstdio>
#include <ctime>

#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

int64_t WallNanos() { return Now(CLOCK_REALTIME); }

int64_t BootToWall(int64_t boot_ns) {
  // A thread may lose its CPU between two readings: of many pairs the closest counts.
  int64_t least_gap = kSecond;
  int64_t wall_at_boot = 0;
  for (int i = 0; i < 16; ++i) {
    const int64_t before = Now(CLOCK_BOOTTIME);
    const int64_t wall = WallNanos();
    const int64_t gap = Now(CLOCK_BOOTTIME) - before;
    if (gap >= least_gap) continue;
    least_gap = gap;
    wall_at_boot = wall - before - gap / 2;
  }
  return wall_at_boot + boot_ns;
}

std::optional<int64_t> ParseUtc(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000000000Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  const auto number = [&](size_t at, size_t length) {
    int value = 0;
    base::SimpleAtoi(text.substr(at, length), &value);
    return value;
  };
  tm time{};
  time.tm_year = number(0, 4) - 1900;
  time.tm_mon = number(5, 2) - 1;
  time.tm_mday = number(8, 2);
  time.tm_hour = number(11, 2);
  time.tm_min = number(14, 2);
  time.tm_sec = number(17, 2);
  return ::timegm(&time) * kSecond + number(20, 9);
}

std::string FormatUtc(int64_t wall_ns) {
  const time_t seconds = static_cast<time_t>(wall_ns / kSecond);
  tm time{};
  ::gmtime_r(&seconds, &time);
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &time);
  std::snprintf(text + length, sizeof text - length, ".%09dZ", static_cast<int>(wall_ns % kSecond));
  return text;
}

}  // namespace oomtrail::scenarios
