// From the kernel log's clock to CLOCK_BOOTTIME.
//
// Owned and called by one thread. The log is stamped by the scheduler's clock, which nobody
// disciplines: it starts a little later than the others and drifts from them by parts in a million,
// which is minutes in a hundred days. A record is read soon after it was written, so the least
// distance between stamp and reading is the distance of the clocks.
#pragma once

#include <cstdint>
#include <optional>

namespace oomtrail::decode {

class KmsgClock {
 public:
  // What to add to the stamp of a record that was read at `read_boot_ns`: never so much that it
  // comes to lie after its reading.
  int64_t Offset(uint64_t log_ns, uint64_t read_boot_ns);

 private:
  std::optional<int64_t> offset_ns_;
  uint64_t last_read_ns_ = 0;
};

}  // namespace oomtrail::decode
