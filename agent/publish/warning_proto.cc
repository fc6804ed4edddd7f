#include "agent/publish/warning_proto.h"

#include <cmath>

#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/publish/wire_enum.h"

namespace oomtrail::publish {
namespace {

static_assert(ToWire<v1::WarningReason>(model::WarningReason::kGrowth) ==
              v1::WARNING_REASON_GROWTH);
static_assert(ToWire<v1::WarningReason>(model::WarningReason::kPressure) ==
              v1::WARNING_REASON_PRESSURE);
static_assert(ToWire<v1::WarningOutcome>(model::WarningOutcome::kKilled) ==
              v1::WARNING_OUTCOME_KILLED);
static_assert(ToWire<v1::WarningOutcome>(model::WarningOutcome::kExpired) ==
              v1::WARNING_OUTCOME_EXPIRED);

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("event with ", what));
}

bool AllNumbers(const v1::Warning& message) {
  return std::isfinite(message.confidence()) && std::isfinite(message.growth_bytes_per_second()) &&
         std::isfinite(message.seconds_to_limit()) && std::isfinite(message.stalled_share()) &&
         std::isfinite(message.outcome_seconds());
}

}  // namespace

void ToProto(const model::Warning& warning, v1::Warning* out) {
  out->set_reason(ToWire<v1::WarningReason>(warning.reason));
  out->set_confidence(warning.trend.confidence);
  out->set_growth_bytes_per_second(warning.trend.growth_bytes_per_second);
  if (warning.trend.seconds_to_limit) out->set_seconds_to_limit(*warning.trend.seconds_to_limit);
  out->set_working_set_bytes(warning.working_set_bytes);
  if (warning.stalled_share) out->set_stalled_share(*warning.stalled_share);
  if (warning.outcome) out->set_outcome(ToWire<v1::WarningOutcome>(*warning.outcome));
  if (warning.outcome_seconds) out->set_outcome_seconds(*warning.outcome_seconds);
}

void ToProto(const model::Warned& warned, v1::Warned* out) {
  out->set_warned(warned.warned);
  out->set_id(base::Printable(warned.id));
  if (warned.seconds_before) out->set_seconds_before(*warned.seconds_before);
}

absl::StatusOr<model::Warning> FromProto(const v1::Warning& message) {
  if (!AllNumbers(message)) return Wrong("a warning of numbers that are none");
  const auto reason = FromWire<model::WarningReason>(message.reason(), v1::WARNING_REASON_PRESSURE);
  if (!reason) return Wrong("an unknown reason for a warning");
  model::Warning warning{.reason = *reason, .working_set_bytes = message.working_set_bytes()};
  warning.trend.confidence = message.confidence();
  warning.trend.growth_bytes_per_second = message.growth_bytes_per_second();
  if (message.has_seconds_to_limit()) warning.trend.seconds_to_limit = message.seconds_to_limit();
  if (message.has_stalled_share()) warning.stalled_share = message.stalled_share();
  if (message.outcome() != v1::WARNING_OUTCOME_UNSPECIFIED) {
    warning.outcome =
        FromWire<model::WarningOutcome>(message.outcome(), v1::WARNING_OUTCOME_EXPIRED);
    if (!warning.outcome) return Wrong("an unknown outcome of a warning");
  }
  if (message.has_outcome_seconds()) warning.outcome_seconds = message.outcome_seconds();
  return warning;
}

absl::StatusOr<model::Warned> FromProto(const v1::Warned& message) {
  if (!std::isfinite(message.seconds_before())) return Wrong("a time before the kill that is none");
  model::Warned warned{.warned = message.warned(), .id = base::FromPrintable(message.id())};
  if (message.has_seconds_before()) warned.seconds_before = message.seconds_before();
  return warned;
}

}  // namespace oomtrail::publish
