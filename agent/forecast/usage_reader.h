// Reads how much memory cgroups use, and their limits.
//
// Owned and called by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/kernel/kernel_features.h"
#include "agent/model/ids.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::forecast {

struct Usage {
  uint64_t usage_bytes = 0;
  std::optional<uint64_t> limit_bytes;  // of the cgroup itself; absent: none
};

struct UsageQuestion {
  model::CgroupId id;
  std::string_view path;  // from the root of the memory hierarchy; lives as long as the call
  bool often = false;     // it will be asked for again: worth holding its file open
};

class UsageReader {
 public:
  virtual ~UsageReader() = default;

  virtual std::string_view name() const = 0;

  // `usages[i]` is of `cgroups[i]`, absent where that one is gone or cannot be read. An error: this
  // reader can read none of them any more.
  virtual absl::Status Read(uint64_t boot_ns, std::span<const UsageQuestion> cgroups,
                            std::vector<std::optional<Usage>>& usages) = 0;

  // Lets go of what is held for a cgroup.
  virtual void Forget(model::CgroupId id) = 0;
};

// The kernel's cgroup iterator, "cgroup_iterator". An error says what the kernel refused.
absl::StatusOr<std::unique_ptr<UsageReader>> OpenIteratorReader(
    const kernel::KernelFeatures& features, const resolve::CgroupMount& mount);

}  // namespace oomtrail::forecast
