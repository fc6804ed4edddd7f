// Which allocations are to be followed, of all who have a say: a client for a while, else the
// flags, else pods that ask for it. A value; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/cli/options.h"
#include "agent/kernel/allocation_tracker.h"

namespace oomtrail::cli {

class TrackingWishes {
 public:
  // Of pods that ask for it: one in so many, where no flag says how many.
  static constexpr uint32_t kAskedOneIn = 100;

  explicit TrackingWishes(const TrackFlags& flags) : flags_(flags) {}

  // What a client wants until then; false where the flags allow nobody to.
  bool Set(const kernel::TrackingOptions& options, uint64_t until_boot_ns);
  // What the client wanted is over.
  void Clear() { override_.reset(); }
  // Cgroups of pods that ask for it; those beyond the bound are left out.
  void SetAsking(std::vector<uint64_t> cgroups);

  kernel::TrackingOptions At(uint64_t boot_ns) const;
  // When a client's wish ends; absent where there is none.
  std::optional<uint64_t> Until(uint64_t boot_ns) const;

 private:
  struct Override {
    kernel::TrackingOptions options;
    uint64_t until_boot_ns = 0;
  };

  TrackFlags flags_;
  std::optional<Override> override_;
  std::vector<uint64_t> asking_;
};

// Whether both mean the same.
bool Same(const kernel::TrackingOptions& a, const kernel::TrackingOptions& b);

}  // namespace oomtrail::cli
