#include "agent/cli/tracking_wishes.h"

#include <algorithm>
#include <utility>

namespace oomtrail::cli {

using kernel::TrackingMode;
using kernel::TrackingOptions;
using What = TrackFlags::What;

bool TrackingWishes::Set(const TrackingOptions& options, uint64_t until_boot_ns) {
  if (flags_.what == What::kNever) return false;
  override_ = Override{.options = options, .until_boot_ns = until_boot_ns};
  return true;
}

void TrackingWishes::SetAsking(std::vector<uint64_t> cgroups) {
  // In order, so that the same ones are left out each time.
  std::ranges::sort(cgroups);
  if (cgroups.size() > TrackingOptions::kMaxKeys) cgroups.resize(TrackingOptions::kMaxKeys);
  asking_ = std::move(cgroups);
}

std::optional<uint64_t> TrackingWishes::Until(uint64_t boot_ns) const {
  if (!override_ || boot_ns >= override_->until_boot_ns) return std::nullopt;
  return override_->until_boot_ns;
}

TrackingOptions TrackingWishes::At(uint64_t boot_ns) const {
  if (Until(boot_ns)) return override_->options;
  TrackingOptions options;
  options.events_per_second = flags_.events_per_second;
  options.one_in = flags_.one_in.value_or(options.one_in);
  if (flags_.what == What::kNever) return options;
  if (flags_.what != What::kOff) {
    options.mode = flags_.one_in ? TrackingMode::kProportional : TrackingMode::kAdaptive;
    options.kernel = flags_.what != What::kUser;
    options.user = flags_.what != What::kKernel;
  } else if (!asking_.empty()) {
    options.mode = TrackingMode::kKeyed;
    options.one_in = flags_.one_in.value_or(kAskedOneIn);
    options.cgroups = asking_;
  }
  return options;
}

bool Same(const TrackingOptions& a, const TrackingOptions& b) {
  return a == b || (a.mode == TrackingMode::kOff && b.mode == TrackingMode::kOff);
}

}  // namespace oomtrail::cli
