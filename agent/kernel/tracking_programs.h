// The BPF object of allocation tracking: loads it, attaches what is wanted of it, reads its maps.
//
// Owned by AllocationTracker, which lets one thread at a time in.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/kernel/kernel_features.h"
#include "bpf/tracking.h"

namespace oomtrail::kernel {

// Which of the programs are to be attached.
struct TrackedParts {
  bool kernel = false;
  bool frees = false;
  bool user = false;
};

class TrackingPrograms {
 public:
  static absl::StatusOr<std::unique_ptr<TrackingPrograms>> Load(const KernelFeatures& features);
  ~TrackingPrograms();
  TrackingPrograms(const TrackingPrograms&) = delete;
  TrackingPrograms& operator=(const TrackingPrograms&) = delete;

  // Attaches these parts and no others, and what sees processes end. Where it fails, nothing is
  // attached.
  absl::Status Attach(const TrackedParts& parts);

  // One event in `one_in` from now on, each standing for `weight`. 0: none.
  void Sample(uint32_t one_in, uint32_t weight);
  // The same, and what is sampled until `until_ns` of CLOCK_BOOTTIME is one cluster.
  void SampleWindow(uint32_t one_in, uint32_t weight, uint64_t until_ns);
  void KeepFrees(bool keep);

  // Only these; absent: all.
  absl::Status SetKeys(const std::vector<ot_tracking_key>& keys);
  void ClearKeys();

  ot_tracking_tally Tally() const;

  // Sums over all CPUs. `window` and `cluster` are folded into `squares`.
  struct Process {
    uint32_t tgid;
    ot_process_allocations value;
  };
  struct Cgroup {
    uint64_t id;
    ot_cgroup_allocations value;
  };
  struct Resident {
    uint32_t tgid;
    ot_resident value;
  };
  std::vector<Process> ReadProcesses() const;
  std::vector<Cgroup> ReadCgroups() const;
  std::vector<Resident> ReadResident() const;

  // Where a map is nearly full, what was idle for longest goes. How many went.
  uint64_t MakeRoom();

  uint32_t page_size() const { return page_size_; }
  uint64_t resident_error_pages() const;

 private:
  struct Object;
  TrackingPrograms();

  std::unique_ptr<Object> object_;
  uint32_t page_size_ = 0;
  int cpus_ = 0;
  uint32_t window_ = 0;
};

}  // namespace oomtrail::kernel
