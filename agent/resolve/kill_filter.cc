#include "agent/resolve/kill_filter.h"

#include <algorithm>

namespace oomtrail::resolve {

KillFilter::KillFilter() : ring_(kRemembered, 0) { by_pid_.reserve(kRemembered); }

bool KillFilter::IsDuplicate(const model::Kill& kill) {
  // Where a start time is not known (kmsg), a pid does not come round again in so short a time.
  constexpr uint64_t kPidReuseNs = 5'000'000'000;
  const uint32_t pid = kill.victim.pid;
  const auto found = by_pid_.find(pid);
  if (found != by_pid_.end()) {
    Seen& seen = found->second;
    const uint64_t apart =
        std::max(kill.boot_ns, seen.boot_ns) - std::min(kill.boot_ns, seen.boot_ns);
    const bool both_known = seen.start_boot_ns && kill.victim.start_boot_ns;
    const bool same =
        both_known ? seen.start_boot_ns == kill.victim.start_boot_ns : apart < kPidReuseNs;
    seen = {.start_boot_ns = kill.victim.start_boot_ns, .boot_ns = kill.boot_ns};
    return same;
  }
  if (const uint32_t oldest = ring_[next_]; oldest != 0) by_pid_.erase(oldest);
  ring_[next_] = pid;
  next_ = (next_ + 1) % ring_.size();
  by_pid_.emplace(pid, Seen{.start_boot_ns = kill.victim.start_boot_ns, .boot_ns = kill.boot_ns});
  return false;
}

}  // namespace oomtrail::resolve
