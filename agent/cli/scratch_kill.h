// A real OOM kill in a cgroup of our own: what `demo` shows.
//
// Owned and called by one thread; whatever it made is gone when it is destroyed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::cli {

// The hidden command that the child becomes: takes memory until it is killed.
inline constexpr const char* kFillMemoryCommand = "fill-memory";
int RunFillMemory();

class ScratchKill {
 public:
  static constexpr uint64_t kLimitBytes = 32ULL << 20;

  // Makes the cgroup, named like a pod's container. The error says why this machine has no place
  // for it.
  static absl::StatusOr<std::unique_ptr<ScratchKill>> Prepare(const resolve::CgroupMount& mount);
  ~ScratchKill();

  // Starts a child that fills the cgroup over its limit. Returns its pid.
  absl::StatusOr<pid_t> Start();
  // Whether the child has ended, and by SIGKILL.
  bool Killed();

  const std::string& path() const { return path_; }

 private:
  explicit ScratchKill(const resolve::CgroupMount& mount) : mount_(mount) {}
  absl::Status MakeDirectory(const std::string& name);
  absl::Status Limit();

  const resolve::CgroupMount mount_;
  std::string path_;
  std::vector<std::string> made_;  // outermost first
  pid_t child_ = -1;
  int child_status_ = 0;
};

}  // namespace oomtrail::cli
