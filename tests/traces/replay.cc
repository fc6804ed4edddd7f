#include "tests/traces/replay.h"

#include <algorithm>

#include "agent/forecast/forecaster.h"

namespace oomtrail::traces {
namespace {

double Share(int part, int whole) { return whole == 0 ? 1 : static_cast<double>(part) / whole; }

void Note(const std::optional<model::Warning>& told, Outcome& outcome) {
  if (told && told->outcome) outcome.warnings.push_back(*told);
}

}  // namespace

Outcome Replay(const Trace& trace, const forecast::WarnRule& rule) {
  Outcome outcome;
  forecast::Forecaster forecaster;
  forecast::Alarm alarm;
  uint64_t last_ns = 0;
  for (const forecast::MemorySample& sample : trace.samples) {
    forecaster.Add(sample);
    Note(alarm.Step({.boot_ns = sample.boot_ns,
                     .trend = forecaster.trend(),
                     .working_set_bytes = forecaster.working_set_bytes(),
                     .limit_bytes = sample.limit_bytes.value_or(0),
                     .stalled_share = {}},
                    rule),
         outcome);
    last_ns = sample.boot_ns;
  }
  if (!trace.killed_ns) {
    Note(alarm.Ended(last_ns), outcome);
    return outcome;
  }
  const std::optional<model::Warning> killed = alarm.Killed(*trace.killed_ns);
  if (killed) outcome.lead_seconds = killed->outcome_seconds;
  Note(killed, outcome);
  return outcome;
}

void Score::Add(const Trace& trace, const Outcome& outcome) {
  ++traces;
  if (!outcome.warnings.empty()) ++warned;
  warnings += static_cast<int>(outcome.warnings.size());
  if (outcome.lead_seconds) {
    ++true_warnings;
    leads.push_back(*outcome.lead_seconds);
  }
  if (!trace.killed_ns || trace.growth_seconds < kWarnableSeconds) return;
  ++warnable;
  if (outcome.lead_seconds.value_or(0) >= kWantedLeadSeconds) ++in_time;
}

void Score::Add(const Score& other) {
  traces += other.traces;
  warned += other.warned;
  warnings += other.warnings;
  true_warnings += other.true_warnings;
  warnable += other.warnable;
  in_time += other.in_time;
  leads.insert(leads.end(), other.leads.begin(), other.leads.end());
}

double Score::precision() const { return Share(true_warnings, warnings); }

double Score::recall() const { return Share(in_time, warnable); }

double Score::lead_quantile(double share) const {
  if (leads.empty()) return 0;
  std::vector<double> sorted = leads;
  std::ranges::sort(sorted);
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace oomtrail::traces
