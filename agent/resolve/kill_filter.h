// Tells the passes of the victim hook that are no new victim.
//
// Owned and called by one thread. A process can be killed once, but the hook may pass more often:
// the first victim of a group kill passes again as a member, and while an agent takes over pinned
// programs the old and the new ones both report.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/model/kernel_record.h"

namespace oomtrail::resolve {

class KillFilter {
 public:
  static constexpr size_t kRemembered = 4096;

  KillFilter();

  // Whether this victim has been seen before.
  bool IsDuplicate(const model::Kill& kill);

 private:
  struct Seen {
    std::optional<uint64_t> start_boot_ns;
    uint64_t boot_ns = 0;
  };

  absl::flat_hash_map<uint32_t, Seen> by_pid_;
  std::vector<uint32_t> ring_;  // the pids in by_pid_, oldest at next_
  size_t next_ = 0;
};

}  // namespace oomtrail::resolve
