// How fast kernel memory is allocated, from two answers of ListUsage. Values.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "agent/cli/usage_view.h"

namespace oomtrail::cli {

// Of everything in an answer that was in the one before, too.
class UsageRates {
 public:
  UsageRates(const v1::ListUsageResponse& now, const std::optional<v1::ListUsageResponse>& before);

  std::optional<KernelRate> Of(const v1::Usage& usage) const;
  std::optional<KernelRate> Of(const v1::ProcessUsage& process) const;

 private:
  double seconds_ = 0;
  absl::flat_hash_map<uint64_t, const v1::KernelAllocations*> cgroups_;  // by id
  absl::flat_hash_map<uint32_t, const v1::ProcessUsage*> processes_;     // by pid
};

}  // namespace oomtrail::cli
