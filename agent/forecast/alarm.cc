#include "agent/forecast/alarm.h"

#include <algorithm>

namespace oomtrail::forecast {
namespace {

using model::WarningOutcome;
using model::WarningReason;

// To warn, it must be as likely as not that it goes on like this up to the limit. To keep a warning
// up less is enough.
constexpr double kConfident = 0.55;
constexpr double kStillConfident = 0.25;

// A level is news while it still rises, however slowly.
constexpr double kLevelSeconds = 1800;
constexpr double kLevelSlack = 0.02;  // of the limit

constexpr double kStalledShare = 0.1;
constexpr double kPressureLevel = 0.9;
constexpr uint64_t kPressureNs = 2'000'000'000;

constexpr double kFar = 4;                          // times the rule's seconds
constexpr uint64_t kCalmNs = 20'000'000'000;        // so long before a warning has receded
constexpr uint64_t kLongestNs = 3'600'000'000'000;  // … or else has expired
constexpr uint64_t kToldNs = 600'000'000'000;
constexpr double kToldSlack = 0.01;  // of the limit

bool IsNear(const model::Trend& trend, double seconds, double confidence) {
  return trend.seconds_to_limit && *trend.seconds_to_limit <= seconds &&
         trend.confidence >= confidence;
}

double Level(const AlarmInput& input) {
  return static_cast<double>(input.working_set_bytes) / static_cast<double>(input.limit_bytes);
}

bool IsPressed(const AlarmInput& input, double stalled_share, double level) {
  return input.stalled_share.value_or(0) > stalled_share && Level(input) > level;
}

// A warning holds on longer than it takes to begin: the teeth of a collector and the steps of a
// program go back and forth before they reach the limit.
bool IsStillNear(const AlarmInput& input, const WarnRule& rule, WarningReason reason) {
  const double seconds = reason == WarningReason::kLevel ? kLevelSeconds : rule.seconds;
  return IsNear(input.trend, kFar * seconds, kStillConfident) ||
         IsPressed(input, kStalledShare / 2, kPressureLevel - kLevelSlack);
}

uint64_t Since(uint64_t now_ns, uint64_t then_ns) { return now_ns - std::min(now_ns, then_ns); }

}  // namespace

std::optional<model::Warning> Alarm::Step(const AlarmInput& input, const WarnRule& rule) {
  NotePressure(input);
  if (standing_) return Hold(input, rule);
  const std::optional<WarningReason> reason = Reason(input, rule);
  if (!reason) return std::nullopt;
  standing_ = Standing{.since_ns = input.boot_ns,
                       .near_ns = input.boot_ns,
                       .warning = {.reason = *reason,
                                   .trend = input.trend,
                                   .working_set_bytes = input.working_set_bytes,
                                   .stalled_share = input.stalled_share}};
  told_.working_set_bytes = 0;
  return standing_->warning;
}

void Alarm::NotePressure(const AlarmInput& input) {
  if (input.limit_bytes == 0 || !IsPressed(input, kStalledShare, kPressureLevel)) {
    pressed_since_ns_.reset();
  } else if (!pressed_since_ns_) {
    pressed_since_ns_ = input.boot_ns;
  }
}

std::optional<WarningReason> Alarm::Reason(const AlarmInput& input, const WarnRule& rule) const {
  if (!rule.on || input.limit_bytes == 0) return std::nullopt;
  const bool told = IsTold(input);
  if (!told && rule.seconds > 0 && IsNear(input.trend, rule.seconds, kConfident)) {
    return WarningReason::kGrowth;
  }
  if (!told && rule.percent < 100 && Level(input) >= rule.percent / 100 &&
      IsNear(input.trend, kLevelSeconds, kConfident)) {
    return WarningReason::kLevel;
  }
  if (pressed_since_ns_ && Since(input.boot_ns, *pressed_since_ns_) >= kPressureNs) {
    return WarningReason::kPressure;
  }
  return std::nullopt;
}

bool Alarm::IsTold(const AlarmInput& input) const {
  if (told_.working_set_bytes == 0 || Since(input.boot_ns, told_.boot_ns) > kToldNs) return false;
  const double grown =
      static_cast<double>(input.working_set_bytes) - static_cast<double>(told_.working_set_bytes);
  return grown < kToldSlack * static_cast<double>(input.limit_bytes);
}

std::optional<model::Warning> Alarm::Hold(const AlarmInput& input, const WarnRule& rule) {
  told_.working_set_bytes = std::max(told_.working_set_bytes, input.working_set_bytes);
  const bool watched = rule.on && input.limit_bytes > 0;
  if (watched && IsStillNear(input, rule, standing_->warning.reason))
    standing_->near_ns = input.boot_ns;
  std::optional<WarningOutcome> outcome;
  if (Since(input.boot_ns, standing_->near_ns) >= kCalmNs) outcome = WarningOutcome::kReceded;
  if (Since(input.boot_ns, standing_->since_ns) >= kLongestNs) outcome = WarningOutcome::kExpired;
  if (!outcome) return std::nullopt;
  told_.boot_ns = input.boot_ns;
  return End(input.boot_ns, *outcome);
}

std::optional<model::Warning> Alarm::Killed(uint64_t boot_ns) {
  told_ = {};
  return End(boot_ns, WarningOutcome::kKilled);
}

std::optional<model::Warning> Alarm::Ended(uint64_t boot_ns) {
  return End(boot_ns, WarningOutcome::kExpired);
}

std::optional<model::Warning> Alarm::End(uint64_t boot_ns, WarningOutcome outcome) {
  if (!standing_) return std::nullopt;
  model::Warning warning = standing_->warning;
  warning.outcome = outcome;
  warning.outcome_seconds = static_cast<double>(Since(boot_ns, standing_->since_ns)) / 1e9;
  standing_.reset();
  return warning;
}

}  // namespace oomtrail::forecast
