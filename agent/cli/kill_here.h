// An OOM kill of this very process, in the cgroup it is in: `demo --here`.
//
// A pod's container can so be its own victim, for an image with no shell. One thread; what it takes
// goes with the process.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/cli/options.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::cli {

// The narrowest memory limit of this process, from its own cgroup up to the mount's root, which in
// a container is the container's. NOT_FOUND where nothing limits it.
absl::StatusOr<uint64_t> OwnMemoryLimit(const resolve::CgroupMount& mount,
                                        const std::string& proc_root);

// Does not return where all goes well. The exit code of what does not, or of a kill that was
// before.
int RunDemoHere(const HereOptions& options);

}  // namespace oomtrail::cli
