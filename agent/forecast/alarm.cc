#include "agent/forecast/alarm.h"

#include <algorithm>

namespace oomtrail::forecast {

std::optional<model::Warning> Alarm::Step(const AlarmInput& input, const WarnRule& rule) {
  const bool near = rule.on && input.trend.seconds_to_limit.value_or(1e9) <= rule.seconds &&
                    input.trend.confidence >= 0.5;
  if (near == standing()) return std::nullopt;
  if (!near) return End(input.boot_ns, model::WarningOutcome::kReceded);
  standing_ = Standing{.since_ns = input.boot_ns,
                       .warning = {.reason = model::WarningReason::kGrowth,
                                   .trend = input.trend,
                                   .working_set_bytes = input.working_set_bytes,
                                   .stalled_share = input.stalled_share}};
  return standing_->warning;
}

std::optional<model::Warning> Alarm::Killed(uint64_t boot_ns) {
  return End(boot_ns, model::WarningOutcome::kKilled);
}

std::optional<model::Warning> Alarm::Ended(uint64_t boot_ns) {
  return End(boot_ns, model::WarningOutcome::kExpired);
}

std::optional<model::Warning> Alarm::End(uint64_t boot_ns, model::WarningOutcome outcome) {
  if (!standing_) return std::nullopt;
  model::Warning warning = standing_->warning;
  warning.outcome = outcome;
  warning.outcome_seconds =
      static_cast<double>(boot_ns - std::min(boot_ns, standing_->since_ns)) / 1e9;
  standing_.reset();
  return warning;
}

}  // namespace oomtrail::forecast
