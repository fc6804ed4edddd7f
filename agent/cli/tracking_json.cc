#include "agent/cli/tracking_json.h"

#include <cmath>
#include <optional>

#include "agent/base/printable.h"
#include "agent/base/time_format.h"

namespace oomtrail::cli {
namespace {

using base::Printable;
using Json = nlohmann::ordered_json;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;

void SetNumber(Json& out, const char* name, double value) {
  if (std::isfinite(value)) out[name] = value;
}

}  // namespace

std::string TrackingModeName(v1::TrackingMode mode) {
  switch (mode) {
    case v1::TRACKING_MODE_PROPORTIONAL: return "proportional";
    case v1::TRACKING_MODE_ADAPTIVE: return "adaptive";
    case v1::TRACKING_MODE_KEYED: return "keyed";
    default: return "off";
  }
}

Json TrackingJson(const v1::TrackingStatus& tracking) {
  Json out;
  out["mode"] = TrackingModeName(tracking.mode());
  if (!tracking.error().empty()) out["error"] = Printable(tracking.error());
  const int64_t until = tracking.until().seconds();
  if (until > 0 && until <= kMaxSeconds) out["until"] = base::FormatUtc(until * kNanosPerSecond, 9);
  if (tracking.mode() <= v1::TRACKING_MODE_OFF) return out;
  out["one_in"] = tracking.one_in();
  SetNumber(out, "events_per_second", tracking.events_per_second());
  SetNumber(out, "watched_share", tracking.watched_share());
  out["kernel"] = tracking.kernel();
  out["user"] = tracking.user();
  out["resident_error_bytes"] = tracking.resident_error_bytes();
  out["refused"] = tracking.refused();
  out["evicted"] = tracking.evicted();
  return out;
}

}  // namespace oomtrail::cli
