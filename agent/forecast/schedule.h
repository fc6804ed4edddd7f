// When a cgroup is read again, and who needs a closer look. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/forecast/target.h"
#include "agent/forecast/watch_tree.h"

namespace oomtrail::forecast {

// A pass is never quite a second after the last.
inline constexpr uint64_t kPassSlackNs = kSecondNs / 5;

// Every second where more than half of a limit at or above it is in use, every 5 s below any limit,
// else every 10 s.
uint64_t SampleInterval(uint64_t boot_ns, const Member& member);

// More than 70 % of its limit is in use, or it is forecast to be reached within two minutes;
// earlier where its rule warns earlier.
bool IsNear(const Target& target);

// Its inactive page cache was read within 5 s, or cannot be.
bool KnowsWorkingSet(uint64_t boot_ns, const Target& target);

// How much its working set is wanted; absent: it is known well enough.
std::optional<double> WorkingSetUrgency(uint64_t boot_ns, const Target& target);

}  // namespace oomtrail::forecast
