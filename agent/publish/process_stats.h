// What every Prometheus client tells of its own process, from /proc/self. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace oomtrail::publish {

struct ProcessStats {
  uint64_t resident_bytes = 0;
  double cpu_seconds = 0;
  uint64_t open_fds = 0;
  uint64_t start_boot_ns = 0;  // in the kernel's ticks, so to 10 ms
};

// `proc_self`: "/proc/self", or what stands for it in a test.
absl::StatusOr<ProcessStats> ReadProcessStats(const std::string& proc_self);

}  // namespace oomtrail::publish
