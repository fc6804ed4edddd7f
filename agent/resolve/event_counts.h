// What memory cgroups counted before: the proof that a kill was one, and whose limit was hit.
//
// Owned and called by one thread. oom:mark_victim also fires for a task that was dying anyway; a
// real kill has raised the local oom_kill count of the victim's cgroup first. A cgroup that is not
// here was made after the start and counted from 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agent/model/ids.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::resolve {

struct EventCounts {
  std::optional<uint64_t> oom;  // v1 does not show it
  std::optional<uint64_t> oom_kill;
};

// The local counts of the cgroup's files: memory.events.local (v2), memory.oom_control (v1).
EventCounts ReadEventCounts(const CgroupMount& mount, std::string_view path);

class CountLedger {
 public:
  static constexpr size_t kMaxCgroups = 100'000;

  // What the cgroup had counted by `read_ns`, the boot time after the counts were read. It judges
  // only what comes later: a record that waited in a pinned ring is in these counts already.
  void Baseline(model::CgroupId id, const EventCounts& counts, uint64_t read_ns);

  // Whether an oom_kill count taken in the kernel at the kill, at `boot_ns`, is news.
  bool ProveKill(model::CgroupId id, uint64_t oom_kill_count, uint64_t boot_ns);

  // The same for a count read from the file later, which other kills may have raised since: each
  // call takes one of what is unaccounted for.
  bool ProveKillLate(model::CgroupId id, uint64_t oom_kill_count, uint64_t boot_ns);

  // Whether the level's oom count rose since the last call, or since the baseline. False where that
  // is not known.
  bool TakeOomRise(model::CgroupId id, uint64_t oom_count);

 private:
  struct Entry {
    uint64_t oom_kill = 0;  // proven so far
    uint64_t oom_kill_baseline = 0;
    uint64_t baseline_ns = 0;
    bool oom_known = true;
    uint64_t oom = 0;

    // The count that a kill at `boot_ns` must exceed.
    uint64_t AccountedFor(uint64_t boot_ns) const;
  };
  Entry& Find(model::CgroupId id);

  absl::flat_hash_map<model::CgroupId, Entry> entries_;
};

}  // namespace oomtrail::resolve
