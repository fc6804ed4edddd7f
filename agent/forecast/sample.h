// One reading of a cgroup's memory. A value; made by a usage reader, read by the forecaster.
#pragma once

#include <cstdint>
#include <optional>

namespace oomtrail::forecast {

struct MemorySample {
  uint64_t boot_ns = 0;
  uint64_t usage_bytes = 0;
  std::optional<uint64_t> limit_bytes;          // of the cgroup itself; absent: none
  std::optional<uint64_t> inactive_file_bytes;  // absent: not read this time
};

}  // namespace oomtrail::forecast
