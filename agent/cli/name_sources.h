// The name sources that the flags ask for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/attribute/name_source.h"
#include "agent/cli/options.h"

namespace oomtrail::cli {

// INVALID_ARGUMENT, with the remedy, where a flag or the file it names is wrong.
absl::Status CheckNameSources(const AgentOptions& options);

// In the order in which they are believed. Empty where there is none.
absl::StatusOr<std::vector<std::unique_ptr<attribute::NameSource>>> MakeNameSources(
    const AgentOptions& options);

// For doctor: each source asked once, a line each.
std::vector<std::string> DescribeNameSources(const AgentOptions& options);

}  // namespace oomtrail::cli
