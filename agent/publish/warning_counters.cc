#include "agent/publish/warning_counters.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "agent/base/strings.h"
#include "agent/publish/container_series.h"

namespace oomtrail::publish {
namespace {

constexpr double kMillisPerSecond = 1e3;
// Longer than a warning stands; a sum of such stays whole.
constexpr double kLongestLead = 1e6;

}  // namespace

std::string WarningCounters::Word(size_t index) {
  if (index < kOutcomes) return std::string(Name(static_cast<model::WarningOutcome>(index)));
  if (index == kUnwarned) return "kills_unwarned";
  if (index == kWarned) return "kills_warned";
  if (index == kLeadMillis) return "lead_ms";
  return base::StrCat("lead_", index - kLeads);
}

bool WarningCounters::Restore(std::string_view word, uint64_t value) {
  for (size_t index = 0; index < values_.size(); ++index) {
    if (Word(index) != word) continue;
    values_[index] = value;
    return true;
  }
  return false;
}

void WarningCounters::CountOutcome(const model::Event& warning) {
  if (!warning.warning || !warning.warning->outcome) return;
  if (ended_.Add(Fingerprint(warning.id))) {
    ++values_[static_cast<size_t>(*warning.warning->outcome)];
  }
}

void WarningCounters::CountKill(const model::Event& kill) {
  if (!kill.warned) return;
  ++values_[kill.warned->warned ? kWarned : kUnwarned];
  if (!kill.warned->warned || !kill.warned->seconds_before) return;
  if (std::isnan(*kill.warned->seconds_before)) return;
  const double lead = std::clamp(*kill.warned->seconds_before, 0.0, kLongestLead);
  const auto* const bucket = std::lower_bound(std::begin(kLeadBounds), std::end(kLeadBounds), lead);
  ++values_[kLeads + static_cast<size_t>(bucket - std::begin(kLeadBounds))];
  uint64_t& sum = values_[kLeadMillis];
  sum = Sum(sum, static_cast<uint64_t>(std::llround(lead * kMillisPerSecond)));
}

void WarningCounters::Render(MetricText& text) const {
  using enum MetricText::Type;
  text.Family("oomtrail_warning_outcomes_total", kCounter,
              "Warnings that ended: killed of all is their precision.");
  for (size_t outcome = 0; outcome < kOutcomes; ++outcome) {
    text.Sample({{"outcome", Name(static_cast<model::WarningOutcome>(outcome))}}, values_[outcome]);
  }
  text.Family("oomtrail_kills_warned_total", kCounter,
              "Kills by whether they were warned of: true of all is the recall.");
  text.Sample({{"warned", "false"}}, values_[kUnwarned]);
  text.Sample({{"warned", "true"}}, values_[kWarned]);
  text.Family("oomtrail_warning_lead_seconds", kHistogram,
              "From a warning to the kill that it warned of.");
  text.Histogram(kLeadBounds, std::span(values_).subspan(kLeads, kLeadBuckets),
                 static_cast<double>(values_[kLeadMillis]) / kMillisPerSecond);
}

}  // namespace oomtrail::publish
