// Usage by reading files, "cgroup_files": where the kernel has no cgroup iterator for us.
//
// The usage files of cgroups that are asked for often are held open, which makes a read ten times
// cheaper, up to half of the descriptors that the process may have. Limits change rarely: a limit
// is read again after as long as the cgroup is known (1 to 30 s, 5 s where more than 70 % of it is
// in use), and whenever usage exceeds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/base/unique_fd.h"
#include "agent/forecast/memory_files.h"
#include "agent/forecast/usage_reader.h"

namespace oomtrail::forecast {

class CgroupFilesReader final : public UsageReader {
 public:
  explicit CgroupFilesReader(resolve::CgroupMount mount);
  // Of at most so many files open at a time.
  CgroupFilesReader(resolve::CgroupMount mount, size_t max_held);

  std::string_view name() const override { return "cgroup_files"; }
  absl::Status Read(uint64_t boot_ns, std::span<const UsageQuestion> cgroups,
                    std::vector<std::optional<Usage>>& usages) override;
  void Forget(model::CgroupId id) override;

  size_t held() const { return held_; }

 private:
  struct Known {
    base::UniqueFd usage;
    std::optional<uint64_t> limit_bytes;
    uint64_t first_ns = 0;
    uint64_t limit_due_ns = 0;
  };

  std::optional<Usage> ReadOne(uint64_t boot_ns, const UsageQuestion& cgroup);
  std::optional<uint64_t> ReadUsage(const UsageQuestion& cgroup, Known& known);
  bool ReadLimit(uint64_t boot_ns, const UsageQuestion& cgroup, uint64_t usage_bytes, Known& known);
  base::UniqueFd Open(std::string_view path, const char* file) const;

  const resolve::CgroupMount mount_;
  const MemoryFileNames& names_;
  const size_t max_held_;
  size_t held_ = 0;
  absl::flat_hash_map<model::CgroupId, Known> known_;
};

}  // namespace oomtrail::forecast
