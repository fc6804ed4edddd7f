// Whose limit it was: by what oom_control said, else inferred from the counters of each level.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/model/kernel_record.h"
#include "agent/resolve/event_counts.h"
#include "agent/resolve/resolved_kill.h"

namespace oomtrail::resolve {

// The scope word for a limit at `owner` that hit a victim in `victim`.
model::Scope ScopeOf(const model::CgroupIdentity& owner, const model::CgroupIdentity& victim);

// Whether the OOM has passed: a limit that was lowered, or hit by others, finds nobody left to kill
// while its victim's memory is on its way back. Nobody need hear of that.
bool HasRoomAgain(const model::OomWithoutKill& oom);

// Infers limit owners for kills without an OomContext. Owned and called by one thread.
//
// A level that went out of memory has counted it (local `oom`) before the kill: a level whose count
// rose is the owner; of several, the innermost that is full. Where no count rose that we know of,
// it is the innermost level that is full. Other OOMs may run at the same time: an inferred owner is
// always marked as such.
class LimitInference {
 public:
  struct Owner {
    size_t level = 0;
    uint64_t incident = 0;
    // When the OOM began: by the time a group's further members go, memory is on its way back.
    std::optional<uint64_t> usage_bytes;
  };

  // Absent: no level of the chain is the cause, so the OOM was global.
  std::optional<Owner> Infer(const model::Kill& kill, CountLedger& ledger);

 private:
  struct Last {
    model::CgroupId owner;
    uint64_t oom_count = 0;
    uint32_t trigger_tid = 0;
    uint64_t boot_ns = 0;
    uint64_t incident = 0;
    std::optional<uint64_t> usage_bytes;
  };
  std::optional<Last> last_;
};

}  // namespace oomtrail::resolve
