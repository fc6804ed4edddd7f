#include "agent/base/time_format.h"

#include <ctime>

#include "absl/strings/str_format.h"

namespace oomtrail::base {

std::string FormatUtc(int64_t wall_ns, int digits) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  int64_t seconds = wall_ns / kNanosPerSecond;
  int64_t fraction = wall_ns % kNanosPerSecond;
  if (fraction < 0) {
    fraction += kNanosPerSecond;
    --seconds;
  }
  for (int i = digits; i < 9; ++i) fraction /= 10;
  const time_t time = seconds;
  tm utc{};
  ::gmtime_r(&time, &utc);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%0*dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                         utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, digits, fraction);
}

}  // namespace oomtrail::base
