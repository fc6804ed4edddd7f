// Which programs of allocation tracking fit this kernel's tracepoints: their arguments changed
// between kernels and distributions backport, so the kernel's own types are asked. Pure, but for
// reading them.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace oomtrail::kernel {

enum class TrackingPart { kAllocations, kFrees, kUser, kExit };

// The one that cannot tell which object it saw, so that its free cannot be known.
inline constexpr std::string_view kTypedCacheAlloc = "on_cache_alloc_typed";

struct TrackingProgram {
  TrackingPart part;
  const char* name;
};

// `caches_by_address`: a program that is given a plain number can read the cache it points to.
// FAILED_PRECONDITION where the kernel's types cannot be read, or a tracepoint that is needed is
// missing or has arguments that no program knows.
absl::StatusOr<std::vector<TrackingProgram>> FindTrackingPrograms(bool caches_by_address);

}  // namespace oomtrail::kernel
