// The values of the flags that select events, as filters. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/publish/event_filter.h"

namespace oomtrail::cli {

// One part of a filter: "namespace", "pod", "container", "label", "workload", "scope" or "kind",
// and a value of it. INVALID_ARGUMENT names the part and what would be right.
absl::Status AddToFilter(std::string_view part, std::string_view value,
                         publish::EventFilter& filter);
absl::Status AddToFilter(std::string_view part, const std::vector<std::string>& values,
                         publish::EventFilter& filter);

// "namespace=dev,pod=debug-*": all of it must match.
absl::StatusOr<publish::EventFilter> ParseExclude(std::string_view text);

}  // namespace oomtrail::cli
