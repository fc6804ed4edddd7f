// Usage and tracking as messages, and requests for them checked. Pure, thread-safe; requests are
// untrusted (request.h).
#pragma once

#include <cstdint>

#include "agent/api/request.h"
#include "agent/attribute/pod_directory.h"
#include "agent/forecast/lookout.h"
#include "agent/publish/usage_report.h"
#include "oomtrail/v1/node_service.pb.h"

namespace oomtrail::api {

inline constexpr uint32_t kMaxTrackingSeconds = 86'400;

void AddLookout(const forecast::LookoutState& state, v1::LookoutStatus* out);
void AddTracking(const publish::TrackingState& state, const kernel::TrackingSnapshot& snapshot,
                 v1::TrackingStatus* out);

// The answer to a request; what is wrong with it is the status.
grpc::Status ListUsage(const publish::UsageReport& report, const attribute::PodDirectory& directory,
                       const v1::ListUsageRequest& request, v1::ListUsageResponse& response);

kernel::TrackingOptions ReadTracking(const v1::SetTrackingRequest& request, Violations& violations);

}  // namespace oomtrail::api
