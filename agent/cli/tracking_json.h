// What follows allocations, as status and top say it. Pure, thread-safe.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "oomtrail/v1/node_service.pb.h"

namespace oomtrail::cli {

// "off", "proportional", "adaptive", "keyed".
std::string TrackingModeName(v1::TrackingMode mode);

nlohmann::ordered_json TrackingJson(const v1::TrackingStatus& tracking);

}  // namespace oomtrail::cli
