// What is said before a kill, and how it ended. Values; made by forecast.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace oomtrail::model {

// What gave the warning.
enum class WarningReason {
  kGrowth,    // at this rate the limit is reached soon
  kLevel,     // little is left below the limit
  kPressure,  // tasks wait for memory while little is left
};
std::string_view Name(WarningReason reason);

enum class WarningOutcome {
  kKilled,   // an OOM kill at this limit, or in this container
  kReceded,  // the memory was given back, or the growth ended
  kExpired,  // the container ended by itself, or nothing happened for long
};
std::string_view Name(WarningOutcome outcome);

// How a cgroup's memory moves.
struct Trend {
  double growth_bytes_per_second = 0;      // of what cannot be reclaimed; negative: it shrinks
  std::optional<double> seconds_to_limit;  // absent: no limit, or it does not grow towards it
  double confidence = 0;                   // 0 to 1: that it goes on like this
};

struct Warning {
  WarningReason reason = WarningReason::kGrowth;
  Trend trend;
  uint64_t working_set_bytes = 0;         // usage without reclaimable page cache
  std::optional<double> stalled_share;    // of the last 10 s, some task waited for memory (PSI)
  std::optional<uint64_t> limit_hits;     // in the last 10 s the limit was met, and room was made
  std::optional<WarningOutcome> outcome;  // absent: it still stands
  std::optional<double> outcome_seconds;  // from the warning to its outcome
};

// On a kill: whether it had been warned of.
struct Warned {
  bool warned = false;
  std::string id;                        // the warning's event
  std::optional<double> seconds_before;  // how long before the kill
};

}  // namespace oomtrail::model
