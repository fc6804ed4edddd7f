#include "agent/decode/kmsg_clock.h"

#include <algorithm>

namespace oomtrail::decode {
namespace {

// A thousandth is more than clocks drift apart, and less than a reader stays behind for long.
constexpr int64_t kDriftPart = 1'000;
// The log's clock stands still while the machine is suspended.
constexpr int64_t kSuspendedNs = 60'000'000'000;

}  // namespace

int64_t KmsgClock::Offset(uint64_t log_ns, uint64_t read_boot_ns) {
  const auto distance = static_cast<int64_t>(read_boot_ns - log_ns);
  const auto passed = static_cast<int64_t>(read_boot_ns - last_read_ns_);
  last_read_ns_ = read_boot_ns;
  if (!offset_ns_ || distance - *offset_ns_ > kSuspendedNs) {
    offset_ns_ = distance;
  } else {
    // Drift is only ever believed at the rate it can have.
    offset_ns_ = std::min(distance, *offset_ns_ + passed / kDriftPart);
  }
  return *offset_ns_;
}

}  // namespace oomtrail::decode
