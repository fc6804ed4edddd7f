// Loads and attaches the BPF programs: per hook the best method this kernel lets load and attach.
//
// Owned by one thread. Destroying it detaches whatever is not pinned.
//
// The preferred methods of all hooks are tried together in one object. A method that the kernel
// refuses drops out and the rest is tried again, so a friendly kernel costs one load, and a
// hardened one some 20 ms a refusal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/kernel/hook_report.h"
#include "agent/kernel/kernel_features.h"
#include "agent/kernel/pins.h"

namespace oomtrail::kernel {

struct HookOptions {
  std::optional<model::HookMethod> only;  // --hook-method; absent: the best of each hook
  uint32_t memory_hierarchy = 0;          // the memory controller's, 0: cgroup v2
  std::string pin_dir;                    // empty: nothing outlives the process
  bool try_all = false;                   // doctor: try every method, keep nothing attached
};

class Hooks {
 public:
  // Fails only where nothing can be loaded at all (no BTF, no privilege, pins held by another
  // agent); a hook without a method is told in its report.
  static absl::StatusOr<std::unique_ptr<Hooks>> Attach(const KernelFeatures& features,
                                                       const HookOptions& options);
  ~Hooks();

  const std::vector<HookReport>& reports() const { return reports_; }
  const HookReport& report(Hook hook) const { return reports_[static_cast<size_t>(hook)]; }

  // -1 where nothing is attached.
  int kills_ring_fd() const;
  int hints_ring_fd() const;

  // Losses counted in the kernel and not told yet, by enum ot_loss. `Told` marks them as told.
  struct Losses {
    std::vector<uint64_t> untold;
  };
  Losses ReadLosses() const;
  void Told(const Losses& losses) const;
  static std::string_view LossName(size_t index);
  // Of all causes that cost an event: where no hint but a record is lost.
  static std::vector<std::string> EventLossNames();

 private:
  struct Object;
  class Search;
  Hooks();

  std::unique_ptr<Object> object_;  // null where no method works, or nothing was to be kept
  std::vector<HookReport> reports_;
  std::optional<PinDirectory> pins_;  // held, so that no other agent reads our rings
};

}  // namespace oomtrail::kernel
