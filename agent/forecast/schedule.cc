#include "agent/forecast/schedule.h"

#include <algorithm>
#include <cmath>

namespace oomtrail::forecast {
namespace {

// Half of a limit in use: from there on every second.
constexpr double kBusyShare = 0.5;
constexpr uint64_t kBusyInterval = kSecondNs;
constexpr uint64_t kLimitedInterval = 5 * kSecondNs;
constexpr uint64_t kUnlimitedInterval = 10 * kSecondNs;
constexpr uint64_t kYoungNs = 30 * kSecondNs;

constexpr double kNearShare = 0.7;
constexpr double kSoonSeconds = 120;

// A rule that warns earlier asks for a closer look earlier.
bool IsSoon(const Target& target) {
  constexpr double kEarlier = 2;
  return target.trend.seconds_to_limit &&
         *target.trend.seconds_to_limit < std::max(kSoonSeconds, kEarlier * target.rule.seconds);
}

// As long a working set that was read is taken for known.
constexpr uint64_t kWorkingSetNs = 5 * kSecondNs;
// Far from the limit it is read again when usage has moved by this share of the limit, or late.
constexpr double kMovedShare = 0.02;
constexpr uint64_t kFarWorkingSetNs = 60 * kSecondNs;

double Seconds(uint64_t nanos) { return static_cast<double>(nanos) / kSecondNs; }

bool IsStale(uint64_t boot_ns, const Target& target, uint64_t after_ns) {
  return target.working_set_ns == 0 || boot_ns >= target.working_set_ns + after_ns;
}

bool HasMoved(const Target& target) {
  const auto before = static_cast<double>(target.working_set_usage_bytes);
  const auto now = static_cast<double>(target.usage.usage_bytes);
  return std::abs(now - before) > kMovedShare * static_cast<double>(*target.usage.limit_bytes);
}

}  // namespace

bool IsNear(const Target& target) {
  constexpr double kWhole = 100;
  const auto share = target.UsedShare();
  return share && (*share > std::min(kNearShare, target.rule.percent / kWhole) || IsSoon(target));
}

uint64_t SampleInterval(uint64_t boot_ns, const Member& member) {
  const uint64_t age = boot_ns - std::min(boot_ns, member.first_ns);
  // It may yet get a limit, most likely soon after it was made.
  if (member.target == nullptr) return std::clamp(age, kSecondNs, 30 * kSecondNs);
  if (age < kYoungNs) return kBusyInterval;
  bool limited = false;
  for (const Member* at = &member; at != nullptr; at = at->parent) {
    if (at->target == nullptr) continue;
    const auto share = at->target->UsedShare();
    if (!share) continue;
    limited = true;
    if (*share > kBusyShare || IsSoon(*at->target)) return kBusyInterval;
  }
  return limited ? kLimitedInterval : kUnlimitedInterval;
}

bool KnowsWorkingSet(uint64_t boot_ns, const Target& target) {
  return target.working_set_unreadable || !IsStale(boot_ns, target, kWorkingSetNs + kPassSlackNs);
}

std::optional<double> WorkingSetUrgency(uint64_t boot_ns, const Target& target) {
  const double share = target.UsedShare().value_or(0);
  if (!IsNear(target)) {
    constexpr double kLater = 0.1;
    const bool moved = target.usage.limit_bytes && HasMoved(target);
    if (!moved && !IsStale(boot_ns, target, kFarWorkingSetNs)) return std::nullopt;
    return share * kLater;
  }
  // Those who wait catch up, so that each has its turn before what is known of it is too old.
  constexpr double kPerSecond = 0.1;
  if (target.working_set_ns == 0) return share + Seconds(kWorkingSetNs) * kPerSecond;
  const double known = target.WorkingSetShare().value_or(0);
  return known + Seconds(boot_ns - target.working_set_ns) * kPerSecond;
}

}  // namespace oomtrail::forecast
