#include <algorithm>
#include <utility>

#include "agent/base/status.h"
#include "agent/forecast/usage_reader.h"
#include "agent/kernel/usage_iterator.h"

namespace oomtrail::forecast {
namespace {

// One pass brings all cgroups, whoever was asked for.
class IteratorReader final : public UsageReader {
 public:
  explicit IteratorReader(std::unique_ptr<kernel::UsageIterator> iterator)
      : iterator_(std::move(iterator)) {}

  std::string_view name() const override { return "cgroup_iterator"; }

  absl::Status Read(uint64_t /*boot_ns*/, std::span<const UsageQuestion> cgroups,
                    std::vector<std::optional<Usage>>& usages) override {
    usages.assign(cgroups.size(), std::nullopt);
    if (cgroups.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(iterator_->Read(pass_));
    std::ranges::sort(pass_, {}, &kernel::CgroupUsage::id);
    for (size_t i = 0; i < cgroups.size(); ++i) {
      const auto found =
          std::ranges::lower_bound(pass_, cgroups[i].id, {}, &kernel::CgroupUsage::id);
      if (found == pass_.end() || found->id != cgroups[i].id) continue;
      usages[i] = {.usage_bytes = found->usage_bytes, .limit_bytes = found->limit_bytes};
    }
    return absl::OkStatus();
  }

  void Forget(model::CgroupId /*id*/) override {}

 private:
  const std::unique_ptr<kernel::UsageIterator> iterator_;
  std::vector<kernel::CgroupUsage> pass_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UsageReader>> OpenIteratorReader(
    const kernel::KernelFeatures& features, const resolve::CgroupMount& mount) {
  ASSIGN_OR_RETURN(auto iterator, kernel::UsageIterator::Open(features, mount.directory));
  return std::make_unique<IteratorReader>(std::move(iterator));
}

}  // namespace oomtrail::forecast
