// Which programs of allocation tracking fit this kernel's tracepoints: their arguments changed
// between kernels and distributions backport, so the kernel's own types are asked. Pure, but for
// reading them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace oomtrail::kernel {

enum class TrackingPart { kAllocations, kFrees, kUser, kExit };

struct TrackingProgram {
  TrackingPart part;
  const char* name;
};

// FAILED_PRECONDITION where the kernel's types cannot be read, or a tracepoint that is needed is
// missing or has arguments that no program knows.
absl::StatusOr<std::vector<TrackingProgram>> FindTrackingPrograms();

}  // namespace oomtrail::kernel
