// Who allocates kernel memory, and how large processes have become, seen by BPF programs on the
// kmem tracepoints. Off unless asked for: nothing is loaded until an option says so, and nothing
// stays attached once this is gone.
//
// The tracepoints cost each allocation some 60 ns even where the event is no sample. The adaptive
// mode therefore watches all the time only while there are few events, and else in short windows
// at random times: it stays below 1 % of a core. The other modes watch all the time.
//
// May be called from any thread. A thread of its own holds the adaptive mode's budget.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/kernel/kernel_features.h"

namespace oomtrail::kernel {

enum class TrackingMode {
  kOff,           // nothing is loaded
  kProportional,  // one event in `one_in`
  kAdaptive,      // one in so many that `events_per_second` are sampled on this node
  kKeyed,         // one in `one_in` of the chosen cgroups and processes only
};
std::string_view Name(TrackingMode mode);  // "off", "proportional", "adaptive", "keyed"

struct TrackingOptions {
  static constexpr uint32_t kMaxOneIn = 1'000'000;
  static constexpr uint32_t kMaxEventsPerSecond = 100'000;
  static constexpr size_t kMaxKeys = 64;  // cgroups and processes together

  TrackingMode mode = TrackingMode::kOff;
  uint32_t one_in = 1000;             // 1 to kMaxOneIn, 1: every event; adaptive: to begin with
  uint32_t events_per_second = 1000;  // adaptive; 1 to kMaxEventsPerSecond
  std::vector<uint64_t> cgroups;      // keyed: ids of memory cgroups, none of their descendants
  std::vector<uint32_t> pids;         // keyed: processes, as the host numbers them
  bool kernel = true;                 // kernel memory: kmalloc and the caches
  // … and when it is freed, for what is held. Costs as much again, and has the adaptive mode watch
  // all the time. What is freed in bulk passes no tracepoint: held is then an upper bound.
  bool frees = false;
  bool user = true;  // resident memory of processes

  bool operator==(const TrackingOptions&) const = default;
};

// INVALID_ARGUMENT, naming the option and its bounds.
absl::Status Validate(const TrackingOptions& options);

// Kernel memory, scaled back from what was sampled since tracking began. What an interrupt
// allocates counts to the process it interrupted.
struct KernelAllocations {
  double allocated_bytes = 0;         // what the allocator took for it, not what was asked for
  std::optional<double> freed_bytes;  // of it, by whomever; absent without TrackingOptions::frees
  double allocations = 0;
  uint64_t samples = 0;
  // One standard error of allocated_bytes over allocated_bytes; 0 where every event was recorded.
  // With windows an upper estimate: of one that allocates evenly it is much better.
  double relative_error = 0;
};

// As of the newest event that was sampled of the process, which is about every `one_in`-th page it
// takes; absent: none of that kind was.
struct ResidentMemory {
  std::optional<uint64_t> anon_bytes;
  std::optional<uint64_t> file_bytes;
  std::optional<uint64_t> shmem_bytes;
};

struct TrackedProcess {
  uint32_t tgid = 0;
  std::string comm;
  uint64_t cgroup_id = 0;  // its memory cgroup; 0: not readable
  std::optional<KernelAllocations> kernel;
  std::optional<ResidentMemory> resident;
};

struct TrackedCgroup {
  uint64_t cgroup_id = 0;
  std::optional<KernelAllocations> kernel;  // also of processes that are gone
  std::optional<ResidentMemory> resident;   // summed over its processes above
};

struct TrackingSnapshot {
  TrackingMode mode = TrackingMode::kOff;
  uint32_t one_in = 0;                    // now; 0: off
  double events_per_second = 0;           // recorded, over the last second or so
  double watched_share = 0;               // of the time; below 1 where the adaptive mode saves cost
  std::vector<TrackedProcess> processes;  // living ones
  std::vector<TrackedCgroup> cgroups;
  // Each counter of resident memory may be off by so much: what the CPUs have not added to it yet.
  uint64_t resident_error_bytes = 0;
  uint64_t refused = 0;  // samples that found no room in the kernel's maps, since tracking began
  uint64_t evicted = 0;  // processes and cgroups whose figures made room for others
};

class AllocationTracker {
 public:
  // INVALID_ARGUMENT: the options. FAILED_PRECONDITION: no BTF, or no tracepoint to attach to.
  // PERMISSION_DENIED: bpf() is refused. Each says what would help.
  static absl::StatusOr<std::unique_ptr<AllocationTracker>> Start(const KernelFeatures& features,
                                                                  const TrackingOptions& options);
  ~AllocationTracker();
  AllocationTracker(const AllocationTracker&) = delete;
  AllocationTracker& operator=(const AllocationTracker&) = delete;

  // Live: without a gap, and keeping the figures, unless it was off. Off lets go of everything, and
  // of the figures. Where it fails, all is as before.
  absl::Status Configure(const TrackingOptions& options);

  TrackingOptions options() const;
  TrackingSnapshot Read() const;

 private:
  class Impl;
  explicit AllocationTracker(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace oomtrail::kernel
