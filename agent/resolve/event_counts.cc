#include "agent/resolve/event_counts.h"

#include <algorithm>

#include "agent/base/file.h"
#include "agent/base/strings.h"

namespace oomtrail::resolve {

EventCounts ReadEventCounts(const CgroupMount& mount, std::string_view path) {
  constexpr size_t kMaxBytes = 4096;
  const char* file = mount.version == 2 ? "/memory.events.local" : "/memory.oom_control";
  const auto content = base::ReadFile(base::StrCat(mount.directory, path, file), kMaxBytes);
  EventCounts counts;
  if (!content.ok()) return counts;
  for (std::string_view line : base::StrSplit(*content, '\n')) {
    uint64_t value = 0;
    if (base::ConsumePrefix(&line, "oom ") && base::SimpleAtoi(line, &value)) counts.oom = value;
    if (base::ConsumePrefix(&line, "oom_kill ") && base::SimpleAtoi(line, &value)) {
      counts.oom_kill = value;
    }
  }
  return counts;
}

void CountLedger::Baseline(model::CgroupId id, const EventCounts& counts, uint64_t read_ns) {
  if (entries_.size() >= kMaxCgroups) return;
  Entry& entry = entries_[id];
  entry.oom_kill_baseline = counts.oom_kill.value_or(0);
  entry.baseline_ns = read_ns;
  entry.oom_known = counts.oom.has_value();
  entry.oom = counts.oom.value_or(0);
}

CountLedger::Entry& CountLedger::Find(model::CgroupId id) {
  // Full: forget at random rather than grow. A forgotten cgroup counts from 0 again, which can only
  // let a doubtful kill through, never hide one.
  if (entries_.size() >= kMaxCgroups && !entries_.contains(id)) entries_.erase(entries_.begin());
  return entries_[id];
}

uint64_t CountLedger::Entry::AccountedFor(uint64_t boot_ns) const {
  return boot_ns > baseline_ns ? std::max(oom_kill, oom_kill_baseline) : oom_kill;
}

bool CountLedger::ProveKill(model::CgroupId id, uint64_t oom_kill_count, uint64_t boot_ns) {
  Entry& entry = Find(id);
  if (oom_kill_count <= entry.AccountedFor(boot_ns)) return false;
  entry.oom_kill = oom_kill_count;
  return true;
}

bool CountLedger::ProveKillLate(model::CgroupId id, uint64_t oom_kill_count, uint64_t boot_ns) {
  Entry& entry = Find(id);
  const uint64_t accounted_for = entry.AccountedFor(boot_ns);
  if (oom_kill_count <= accounted_for) return false;
  // What came before the baseline is in it, whoever it was.
  if (boot_ns > entry.baseline_ns) entry.oom_kill = accounted_for + 1;
  return true;
}

bool CountLedger::TakeOomRise(model::CgroupId id, uint64_t oom_count) {
  Entry& entry = Find(id);
  const bool rose = entry.oom_known && oom_count > entry.oom;
  entry.oom_known = true;
  entry.oom = oom_count;
  return rose;
}

}  // namespace oomtrail::resolve
