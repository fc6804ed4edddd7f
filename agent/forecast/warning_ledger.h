// The warnings that stand, and how each ended: what the lookout's thread and the pipeline's share.
//
// Thread-safe; no call waits for anything but another short call. Bounded: there are no more
// entries than limits watched, and notices that nobody takes are dropped, the oldest first, and
// counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/mutex.h"
#include "agent/forecast/watched.h"
#include "agent/model/ids.h"
#include "agent/model/warning.h"

namespace oomtrail::forecast {

// An OOM kill as the lookout must know it.
struct KillSeen {
  model::CgroupId victim;
  std::string victim_path;
  std::optional<model::CgroupId> limit_owner;  // absent: the node
  uint64_t boot_ns = 0;
  std::vector<model::CgroupId> ended;  // the limits whose warnings it ended; unknown id: the node
};

class WarningLedger {
 public:
  static constexpr size_t kMaxNotices = 1024;
  static constexpr size_t kMaxKills = 1024;
  // The record of a kill may arrive after its cgroup, or its memory, was seen to go.
  static constexpr uint64_t kSettleNs = 2'000'000'000;
  // The members of a group die one after the other: all of them had been warned of.
  static constexpr uint64_t kGroupNs = 10'000'000'000;

  // The lookout's thread.

  // The warning at the limit of `owner` (unknown id: the node). False, and nothing told, where the
  // container that it names is warned of already.
  bool Begin(model::CgroupId owner, Notice notice);
  // It ended by itself. Told after kSettleNs, unless a kill comes to light.
  void End(model::CgroupId owner, model::WarningOutcome outcome, uint64_t boot_ns);
  // Tells what has settled. True where there are notices to take.
  bool Settle(uint64_t boot_ns);
  std::vector<KillSeen> TakeKills();

  // The pipeline's thread.
  std::vector<Notice> TakeNotices();
  model::Warned OnKill(KillSeen kill);

  // Any thread.
  size_t standing() const;
  uint64_t dropped() const;
  bool IsWarned(model::CgroupId container) const;

 private:
  struct Entry {
    model::CgroupId owner;
    Notice notice;
    std::optional<uint64_t> ended_ns;
    bool told = false;  // its end
  };

  // How well the kill fits the warning; 0: not at all.
  static int Match(const Entry& entry, const KillSeen& kill);
  static void NoteEnd(Entry& entry, model::WarningOutcome outcome, uint64_t boot_ns);
  void Tell(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Queue(const Notice& notice) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(KillSeen kill) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<Notice> notices_ ABSL_GUARDED_BY(mutex_);
  std::vector<KillSeen> kills_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace oomtrail::forecast
