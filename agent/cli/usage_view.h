// Memory as `oomtrail top` shows it, from what ListUsage answers. The answers are untrusted: what
// is returned is printable. Pure, thread-safe.
#pragma once

#include <optional>
#include <string>

#include "agent/cli/options.h"
#include "oomtrail/v1/node_service.pb.h"

namespace oomtrail::cli {

// What a kernel allocation counter did between two answers.
struct KernelRate {
  double bytes_per_second = 0;
  double error = 0;  // one standard error, in the same unit
};

// Absent where the time did not move, or the counter went back: it was begun anew.
std::optional<KernelRate> RateBetween(const v1::KernelAllocations& before,
                                      const v1::KernelAllocations& now, double seconds);

struct UsageScreen {
  TopOptions::Sort sort = TopOptions::Sort::kLimit;
  int columns = 80;
  int rows = 0;  // of a terminal, which nothing may overflow; 0: as many as there are
  bool color = false;
};

// Several lines. `before`: the answer of the last time, for rates; absent the first time.
std::string UsageTable(const v1::ListUsageResponse& now,
                       const std::optional<v1::ListUsageResponse>& before,
                       const UsageScreen& screen);

// One line without a newline: the messages' fields under their names, numbers as numbers, what is
// not known absent; and of what has allocations, kernel_bytes_per_second with its _error.
std::string UsageJson(const v1::ListUsageResponse& now,
                      const std::optional<v1::ListUsageResponse>& before);

}  // namespace oomtrail::cli
