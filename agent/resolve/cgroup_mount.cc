#include "agent/resolve/cgroup_mount.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <vector>

#include "agent/base/file.h"
#include "agent/base/strings.h"

namespace oomtrail::resolve {
namespace {

bool IsMountOf(const std::string& path, long magic) {
  struct statfs found {};
  return ::statfs(path.c_str(), &found) == 0 && found.f_type == magic;
}

// The hierarchy id in /proc/cgroups' line "memory <hierarchy> <cgroups> <enabled>". Kernels without
// cgroup v1's memory controller have no such line: then it is in v2.
absl::StatusOr<uint32_t> MemoryHierarchy(const std::string& proc_root) {
  constexpr size_t kMaxBytes = 16UL * 1024;
  const auto table = base::ReadFile(proc_root + "/cgroups", kMaxBytes);
  if (!table.ok()) return table.status();
  for (const std::string_view line : base::StrSplit(*table, '\n')) {
    const std::vector<std::string_view> fields = base::StrSplit(line, '\t');
    uint32_t hierarchy = 0;
    if (fields.size() >= 4 && fields[0] == "memory" && base::SimpleAtoi(fields[1], &hierarchy)) {
      if (fields[3] == "0") return absl::NotFoundError("the memory controller is disabled at boot");
      return hierarchy;
    }
  }
  return uint32_t{0};
}

}  // namespace

absl::StatusOr<CgroupMount> FindMemoryCgroups(const std::string& cgroup_root,
                                              const std::string& proc_root) {
  const auto hierarchy = MemoryHierarchy(proc_root);
  if (!hierarchy.ok()) return hierarchy.status();
  if (*hierarchy != 0) {
    for (const std::string& directory : {cgroup_root + "/memory", cgroup_root}) {
      if (IsMountOf(directory, CGROUP_SUPER_MAGIC)) {
        return CgroupMount{.directory = directory, .version = 1, .hierarchy = *hierarchy};
      }
    }
    return absl::NotFoundError(base::StrCat("the memory controller is in cgroup v1, but neither ",
                                            cgroup_root, "/memory nor ", cgroup_root,
                                            " is a mount of it (--cgroup-root)"));
  }
  for (const std::string& directory : {cgroup_root, cgroup_root + "/unified"}) {
    if (IsMountOf(directory, CGROUP2_SUPER_MAGIC)) {
      return CgroupMount{.directory = directory, .version = 2, .hierarchy = 0};
    }
  }
  return absl::NotFoundError(
      base::StrCat(cgroup_root, " is not a cgroup v2 mount (--cgroup-root)"));
}

}  // namespace oomtrail::resolve
