// Watches the memory of containers and limits on a thread of its own, and warns before a limit is
// reached. What it finds is taken by the pipeline's thread, which makes events of it.
//
// Which thread may call what is said at each function. Nothing that fails to be read ends it: what
// is not known is absent, and state() says what is used instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/forecast/watched.h"
#include "agent/kernel/kernel_features.h"
#include "agent/model/ids.h"
#include "agent/model/warning.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::forecast {

struct LookoutOptions {
  resolve::CgroupMount mount;
  std::string proc_root = "/proc";
  WarnRule rule;  // where WarnRules has no other
  kernel::KernelFeatures features;
};

// How it works here, for doctor, status and metrics.
struct LookoutState {
  std::string reader;         // "cgroup_iterator", "cgroup_files"
  std::string reader_reason;  // why not the better one; empty for the best
  bool pressure = false;      // the kernel tells stalls of the node (PSI)
  size_t targets = 0;         // cgroups that are watched
  size_t left_out = 0;        // beyond the bound
  size_t standing = 0;        // warnings
  uint64_t passes = 0;
  uint64_t last_pass_ns = 0;     // how long the last one took
  uint64_t dropped_notices = 0;  // not taken in time
};

class Lookout {
 public:
  // `wake` is called (by the lookout's thread) when there are notices to take. Fails only where no
  // thread can be had.
  static absl::StatusOr<std::unique_ptr<Lookout>> Start(LookoutOptions options,
                                                        const base::Clock& clock,
                                                        const base::Log& log,
                                                        std::function<void()> wake);
  ~Lookout();  // stops
  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;

  // The pipeline's thread. None of these waits for a file.

  // All cgroups that are alive: whenever CgroupIndex::generation() has moved.
  void SetCgroups(std::vector<WatchedCgroup> cgroups);
  void SetRules(WarnRules rules);
  std::vector<Notice> TakeNotices();
  // Whether this kill had been warned of. Such a warning ends with it: its notice can be taken at
  // once. `limit_owner` is absent for a kill of the whole node.
  model::Warned OnKill(model::CgroupId victim_cgroup, const std::string& victim_path,
                       std::optional<model::CgroupId> limit_owner, uint64_t boot_ns);

  // Any thread.
  std::vector<CgroupTrend> Trends() const;
  LookoutState state() const;

 private:
  class Worker;
  explicit Lookout(std::unique_ptr<Worker> worker);

  const std::unique_ptr<Worker> worker_;
};

}  // namespace oomtrail::forecast
