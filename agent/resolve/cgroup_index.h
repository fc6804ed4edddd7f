// From a cgroup's id to its path, also for a while after the cgroup is gone.
//
// Owned and called by one thread. Filled by one walk at start, kept by the kernel's hints; what a
// lost hint left out is found by file handle, or by the walk that the loss asks for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "agent/base/clock.h"
#include "agent/base/unique_fd.h"
#include "agent/model/kernel_record.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::resolve {

class CgroupIndex {
 public:
  static constexpr size_t kMaxCgroups = 100'000;
  static constexpr uint64_t kTombstoneNs = 10ULL * 60 * 1'000'000'000;

  CgroupIndex(CgroupMount mount, const base::Clock& clock);

  // Reads every directory name below the mount. Cgroups that are gone become tombstones.
  // RESOURCE_EXHAUSTED where there are more than kMaxCgroups: the rest is found by handle.
  absl::Status Walk();

  void Apply(const model::CgroupChange& change);

  // "/a/b", or absent where the cgroup is not known, or is gone and was never seen.
  std::optional<std::string> PathOf(model::CgroupId id);

  // Calls `visit(id, path)` for every cgroup alive.
  void ForEach(const std::function<void(model::CgroupId, const std::string&)>& visit) const;

  // Forgets tombstones past their time.
  void Expire();

  // A cgroup was made that is not known yet: one of which no more than its id was told, where the
  // kernel gives no path for an id. Until the next walk.
  bool behind() const { return behind_; }

  // Moves whenever the answer of ForEach() does.
  uint64_t generation() const { return generation_; }
  size_t size() const { return nodes_.size(); }
  const CgroupMount& mount() const { return mount_; }
  const base::Clock& clock() const { return clock_; }

 private:
  struct Node {
    model::CgroupId parent;  // unknown: the root
    std::string name;
    uint64_t removed_ns = 0;  // 0: alive
    uint32_t walk = 0;        // the last walk that saw it
  };

  void WalkDirectory(int fd, model::CgroupId id, int depth);
  void Put(model::CgroupId id, model::CgroupId parent, std::string_view name);
  void Bury(model::CgroupId id, Node& node);
  std::optional<std::string> PathFromNodes(model::CgroupId id) const;
  std::optional<std::string> PathFromHandle(model::CgroupId id) const;
  void Remember(model::CgroupId id, const std::string& path);

  const CgroupMount mount_;
  const base::Clock& clock_;
  base::UniqueFd mount_fd_;
  std::string
      mount_path_;  // of mount_fd_, as the kernel shows it: no symlinks, no slash at its end
  model::CgroupId root_;
  absl::flat_hash_map<model::CgroupId, Node> nodes_;
  std::deque<std::pair<uint64_t, model::CgroupId>> tombstones_;  // by time of removal
  uint32_t walk_ = 0;
  uint64_t generation_ = 0;
  bool overflow_ = false;
  bool behind_ = false;
};

}  // namespace oomtrail::resolve
