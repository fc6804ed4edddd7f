#include "agent/forecast/warning_ledger.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace oomtrail::forecast {
namespace {

constexpr double kNanosPerSecond = 1e9;

double SecondsBetween(uint64_t from_ns, uint64_t to_ns) {
  return static_cast<double>(to_ns - std::min(from_ns, to_ns)) / kNanosPerSecond;
}

bool IsWithin(const std::string& path, std::string_view above) {
  return path == above || (path.starts_with(above) && path.size() > above.size() &&
                           (above.ends_with('/') || path[above.size()] == '/'));
}

// The node's warning names a container or, where none grows, the root: in which everybody is.
bool HitsNamed(const WatchedCgroup& named, const KillSeen& kill) {
  if (!named.id.known()) return false;
  return named.id == kill.victim || IsWithin(kill.victim_path, named.path);
}

}  // namespace

bool WarningLedger::Begin(model::CgroupId owner, Notice notice) {
  const base::MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (!entry.ended_ns && entry.notice.cgroup.id == notice.cgroup.id) return false;
  }
  Queue(notice);
  entries_.push_back({.owner = owner, .notice = std::move(notice), .ended_ns = {}});
  return true;
}

void WarningLedger::End(model::CgroupId owner, model::WarningOutcome outcome, uint64_t boot_ns) {
  const base::MutexLock lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.owner == owner && !entry.ended_ns) NoteEnd(entry, outcome, boot_ns);
  }
}

void WarningLedger::NoteEnd(Entry& entry, model::WarningOutcome outcome, uint64_t boot_ns) {
  entry.ended_ns = boot_ns;
  entry.notice.warning.outcome = outcome;
  entry.notice.warning.outcome_seconds = SecondsBetween(entry.notice.boot_ns, boot_ns);
}

bool WarningLedger::Settle(uint64_t boot_ns) {
  const base::MutexLock lock(mutex_);
  for (Entry& entry : entries_) {
    if (!entry.told && entry.ended_ns && boot_ns >= *entry.ended_ns + kSettleNs) Tell(entry);
  }
  std::erase_if(entries_, [&](const Entry& entry) {
    return entry.told && boot_ns >= *entry.ended_ns + kGroupNs;
  });
  return !notices_.empty();
}

std::vector<KillSeen> WarningLedger::TakeKills() {
  const base::MutexLock lock(mutex_);
  return std::exchange(kills_, {});
}

std::vector<Notice> WarningLedger::TakeNotices() {
  const base::MutexLock lock(mutex_);
  std::vector<Notice> taken(std::make_move_iterator(notices_.begin()),
                            std::make_move_iterator(notices_.end()));
  notices_.clear();
  return taken;
}

// The limit itself fits best; then the container that was named.
int WarningLedger::Match(const Entry& entry, const KillSeen& kill) {
  if (kill.boot_ns < entry.notice.boot_ns) return 0;
  if (entry.ended_ns) {
    const bool killed = entry.notice.warning.outcome == model::WarningOutcome::kKilled;
    if (kill.boot_ns > *entry.ended_ns + (killed ? kGroupNs : 0)) return 0;
    if (entry.told && !killed) return 0;
  }
  if (entry.owner == kill.limit_owner.value_or(model::CgroupId{})) return 2;
  return HitsNamed(entry.notice.cgroup, kill) ? 1 : 0;
}

model::Warned WarningLedger::OnKill(KillSeen kill) {
  const base::MutexLock lock(mutex_);
  const Entry* best = nullptr;
  int best_match = 0;
  for (Entry& entry : entries_) {
    const int match = Match(entry, kill);
    if (match == 0) continue;
    if (match > best_match) {
      best = &entry;
      best_match = match;
    }
    if (entry.told) continue;
    kill.ended.push_back(entry.owner);
    NoteEnd(entry, model::WarningOutcome::kKilled, kill.boot_ns);
    Tell(entry);
  }
  model::Warned warned;
  if (best != nullptr) {
    warned = {.warned = true,
              .id = best->notice.id,
              .seconds_before = SecondsBetween(best->notice.boot_ns, kill.boot_ns)};
  }
  Remember(std::move(kill));
  return warned;
}

void WarningLedger::Tell(Entry& entry) {
  entry.told = true;
  ++entry.notice.revision;
  Queue(entry.notice);
}

void WarningLedger::Queue(const Notice& notice) {
  if (notices_.size() >= kMaxNotices) {
    notices_.pop_front();
    ++dropped_;
  }
  notices_.push_back(notice);
}

void WarningLedger::Remember(KillSeen kill) {
  if (kills_.size() < kMaxKills || !kill.ended.empty()) kills_.push_back(std::move(kill));
}

size_t WarningLedger::standing() const {
  const base::MutexLock lock(mutex_);
  return static_cast<size_t>(
      std::ranges::count_if(entries_, [](const Entry& entry) { return !entry.ended_ns; }));
}

uint64_t WarningLedger::dropped() const {
  const base::MutexLock lock(mutex_);
  return dropped_;
}

bool WarningLedger::IsWarned(model::CgroupId container) const {
  const base::MutexLock lock(mutex_);
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return !entry.ended_ns && entry.notice.cgroup.id == container;
  });
}

}  // namespace oomtrail::forecast
