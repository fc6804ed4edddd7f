// The memory counters of every cgroup of the node in one pass of a BPF iterator: the cheapest way
// to read them (Linux 6.1).
//
// Owned and called by one thread. An object of its own: what refuses it refuses no hook.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "agent/kernel/kernel_features.h"
#include "agent/model/ids.h"

namespace oomtrail::kernel {

struct CgroupUsage {
  model::CgroupId id;
  uint64_t usage_bytes = 0;
  std::optional<uint64_t> limit_bytes;  // absent: none
};

class UsageIterator {
 public:
  // `directory` is the mount of the memory controller's hierarchy, v1 or v2. An error says what the
  // kernel refused.
  static absl::StatusOr<std::unique_ptr<UsageIterator>> Open(const KernelFeatures& features,
                                                             const std::string& directory);
  ~UsageIterator();

  // Every cgroup that has the memory controller, the root among them, in no certain order. One that
  // comes or goes meanwhile may be there or not. RESOURCE_EXHAUSTED where there are more than this
  // method holds: then use another.
  absl::Status Read(std::vector<CgroupUsage>& usages);

 private:
  class Object;
  explicit UsageIterator(std::unique_ptr<Object> object, uint64_t page_bytes);

  const std::unique_ptr<Object> object_;
  const uint64_t page_bytes_;
};

}  // namespace oomtrail::kernel
