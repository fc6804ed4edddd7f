// A trace through the forecaster and the alarm, and how well it was warned of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/forecast/alarm.h"
#include "tests/traces/trace.h"

namespace oomtrail::traces {

// A leak that takes less from its start to its kill cannot be told from a burst in time.
inline constexpr double kWarnableSeconds = 25;
inline constexpr double kWantedLeadSeconds = 10;

struct Outcome {
  std::vector<model::Warning> warnings;  // all have ended
  std::optional<double> lead_seconds;    // of the warning that stood at the kill
};

Outcome Replay(const Trace& trace, const forecast::WarnRule& rule = {});

// Over the traces of one generator, or of several.
struct Score {
  std::string name;
  int traces = 0;
  int warned = 0;  // traces with a warning
  int warnings = 0;
  int true_warnings = 0;  // … that stood when the kill came
  int warnable = 0;       // leaks that took long enough
  int in_time = 0;        // … of which the warning came early enough
  std::vector<double> leads;

  void Add(const Trace& trace, const Outcome& outcome);
  void Add(const Score& other);

  double precision() const;
  double recall() const;
  double lead_quantile(double share) const;
};

}  // namespace oomtrail::traces
