// Memory cgroups of our own, on cgroup v1 and v2.
//
// Owned and called by one thread. Everything is made below two directories named after the project,
// directly under the mount; whatever was made is gone when the tree is destroyed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oomtrail::scenarios {

// A value: where a cgroup is. Its directory may be gone.
struct Cgroup {
  std::string path;       // of the hierarchy: "/a/b"
  std::string directory;  // in the file system
  uint64_t inode = 0;     // = the kernel's id of it
};

class CgroupTree {
 public:
  // `root` is the agent's --cgroup-root. FAILED_PRECONDITION where memory cgroups cannot be made.
  static absl::StatusOr<CgroupTree> Open(const std::string& root);
  CgroupTree(CgroupTree&&) = default;
  ~CgroupTree();

  int version() const { return version_; }
  // The directories of ours that every path begins with, as the cgroupfs driver and as systemd
  // would name them.
  const std::string& top() const { return top_; }
  const std::string& top_slice() const { return top_slice_; }
  bool IsOurs(const std::string& path) const;

  // Makes `path` and what is missing above it, with the memory controller on every level.
  absl::StatusOr<Cgroup> Make(const std::string& path);
  // No swap either: the memory is to run out.
  absl::Status Limit(const Cgroup& cgroup, uint64_t bytes) const;
  absl::Status Enter(const Cgroup& cgroup, pid_t pid) const;

  // The local count of kills; absent where the cgroup is gone.
  std::optional<uint64_t> OomKills(const Cgroup& cgroup) const;
  // v2 since 5.17; 0 where not counted.
  uint64_t GroupKills(const Cgroup& cgroup) const;

  void Remove(const Cgroup& cgroup);
  // Ends what still runs in the cgroups made and removes them.
  void RemoveAll();

 private:
  CgroupTree(std::string mount, int version);
  std::optional<uint64_t> Count(const Cgroup& cgroup, std::string_view key) const;

  std::string mount_;
  int version_;
  std::string top_;
  std::string top_slice_;
  std::vector<std::string> made_;  // outermost first
};

absl::Status WriteFile(const std::string& path, std::string_view text);

}  // namespace oomtrail::scenarios
