// Where the memory controller's cgroups are on this node. A value, found once at start.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace oomtrail::resolve {

struct CgroupMount {
  std::string directory;   // "/sys/fs/cgroup" (v2) or "/sys/fs/cgroup/memory" (v1, hybrid)
  int version = 2;         // of the hierarchy that the memory controller is in
  uint32_t hierarchy = 0;  // its id in the kernel, 0 for v2

  // The cgroup's directory for a path of the hierarchy ("/a/b").
  std::string DirectoryOf(std::string_view path) const { return directory + std::string(path); }
};

// `cgroup_root` is --cgroup-root, `proc_root` is --proc-root. NOT_FOUND says what was looked for.
absl::StatusOr<CgroupMount> FindMemoryCgroups(const std::string& cgroup_root,
                                              const std::string& proc_root);

}  // namespace oomtrail::resolve
