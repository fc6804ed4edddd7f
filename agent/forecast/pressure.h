// Whether tasks wait for memory (PSI): of cgroups near their limit, and of the node.
//
// A trigger tells of a stall at once, between two samples: 200 ms within 2 s, a window that needs
// no CAP_SYS_RESOURCE. Where no trigger can be set (cgroups mounted read-only, for one) the shares
// can still be read. Where there is no PSI (psi=0, CONFIG_PSI off, cgroup v1, which has none of a
// cgroup) they are absent. v1's own memory.pressure_level is not used: it tells how well reclaim
// does, not that anybody waits.
//
// Owned and called by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/base/unique_fd.h"
#include "agent/forecast/near_files.h"
#include "agent/model/ids.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::forecast {

class PressureWatch {
 public:
  // The kernel runs a thread for each trigger.
  static constexpr size_t kMaxTriggers = 64;

  PressureWatch(resolve::CgroupMount mount, const std::string& proc_root);

  // Those of these that are near are watched from now on, and no others. The first kMaxTriggers of
  // them have a trigger.
  void Watch(std::span<const NearQuestion> cgroups);

  // The share of the last 10 s in which some task waited.
  std::optional<double> StalledShare(model::CgroupId id);
  std::optional<double> NodeStalledShare();

  // Until a trigger fires, `wake_fd` is readable, or the time is over. Returns those whose trigger
  // fired; the node is the id that is not known. It waits in its own epoll set: asking another one
  // whether this one is ready would use the triggers' events up.
  std::vector<model::CgroupId> Wait(int wake_fd, int timeout_ms);

  size_t triggers() const { return triggers_; }

 private:
  struct Watched {
    base::UniqueFd file;
    bool trigger = false;
    uint64_t call = 0;
  };

  // Opens a pressure file and sets its trigger if it may have one.
  Watched Open(model::CgroupId id, const std::string& path, bool trigger);
  void Drop(model::CgroupId id);
  std::optional<double> ShareOf(const Watched& watched);
  bool WakeBy(int wake_fd);

  const resolve::CgroupMount mount_;
  base::UniqueFd epoll_;
  absl::flat_hash_map<model::CgroupId, Watched> watched_;  // without the node
  Watched node_;
  int wake_fd_ = -1;     // in the set
  size_t triggers_ = 0;  // of cgroups
  uint64_t call_ = 0;
  std::array<char, 256> buffer_{};
};

}  // namespace oomtrail::forecast
