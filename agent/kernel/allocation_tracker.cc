#include "agent/kernel/allocation_tracker.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <thread>
#include <utility>

#include "agent/base/mutex.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/kernel/tracking_pace.h"
#include "agent/kernel/tracking_programs.h"

namespace oomtrail::kernel {
namespace {

using std::chrono::steady_clock;

constexpr double kBytesOfSquaresUnit = 1 << OT_SQUARES_SHIFT;

uint64_t BootNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

double SecondsSince(steady_clock::time_point then) {
  return std::chrono::duration<double>(steady_clock::now() - then).count();
}

KernelAllocations Figures(const ot_allocations& sums, bool frees) {
  KernelAllocations figures;
  figures.allocated_bytes = static_cast<double>(sums.bytes);
  if (frees) figures.freed_bytes = static_cast<double>(sums.freed_bytes);
  figures.allocations = static_cast<double>(sums.count);
  figures.samples = sums.samples;
  if (sums.bytes > 0) {
    figures.relative_error = std::sqrt(static_cast<double>(sums.squares)) * kBytesOfSquaresUnit /
                             static_cast<double>(sums.bytes);
  }
  return figures;
}

ResidentMemory Figures(const ot_resident& resident, uint64_t page_size) {
  const auto bytes = [&](uint32_t kind) -> std::optional<uint64_t> {
    if ((resident.known >> kind & 1) == 0) return std::nullopt;
    return resident.pages[kind] * page_size;
  };
  return {.anon_bytes = bytes(OT_RESIDENT_ANON),
          .file_bytes = bytes(OT_RESIDENT_FILE),
          .shmem_bytes = bytes(OT_RESIDENT_SHMEM)};
}

void Add(std::optional<uint64_t>& sum, const std::optional<uint64_t>& part) {
  if (part) sum = sum.value_or(0) + *part;
}

std::string CommOf(const char* comm) {
  return std::string(comm, ::strnlen(comm, OT_TRACKING_COMM_BYTES));
}

absl::Status OutOfBounds(std::string_view option, uint64_t lowest, uint64_t highest) {
  return absl::InvalidArgumentError(
      base::StrCat("allocation tracking: ", option, " must be from ", lowest, " to ", highest));
}

}  // namespace

std::string_view Name(TrackingMode mode) {
  switch (mode) {
    case TrackingMode::kOff: return "off";
    case TrackingMode::kProportional: return "proportional";
    case TrackingMode::kAdaptive: return "adaptive";
    case TrackingMode::kKeyed: return "keyed";
  }
  return "?";
}

absl::Status Validate(const TrackingOptions& options) {
  if (options.mode == TrackingMode::kOff) return absl::OkStatus();
  if (options.one_in < 1 || options.one_in > TrackingOptions::kMaxOneIn) {
    return OutOfBounds("one_in", 1, TrackingOptions::kMaxOneIn);
  }
  if (options.events_per_second < 1 ||
      options.events_per_second > TrackingOptions::kMaxEventsPerSecond) {
    return OutOfBounds("events_per_second", 1, TrackingOptions::kMaxEventsPerSecond);
  }
  const size_t keys = options.cgroups.size() + options.pids.size();
  const bool keyed = options.mode == TrackingMode::kKeyed;
  if (keyed && (keys < 1 || keys > TrackingOptions::kMaxKeys)) {
    return OutOfBounds("the number of cgroups and pids", 1, TrackingOptions::kMaxKeys);
  }
  if (!keyed && keys > 0) {
    return absl::InvalidArgumentError(
        base::StrCat("allocation tracking: cgroups and pids are for "
                     "the mode keyed, not ",
                     Name(options.mode)));
  }
  if (!options.kernel && !options.user) {
    return absl::InvalidArgumentError(
        "allocation tracking: neither kernel nor user memory (remedy: the mode off)");
  }
  if (options.frees && !options.kernel) {
    return absl::InvalidArgumentError("allocation tracking: frees are those of kernel memory");
  }
  return absl::OkStatus();
}

class AllocationTracker::Impl {
 public:
  explicit Impl(const KernelFeatures& features) : features_(features) {}
  ~Impl();

  absl::Status Configure(const TrackingOptions& options);
  TrackingOptions options() const;
  TrackingSnapshot Read() const;

 private:
  void Run();
  void RunPeriod() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseWindow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Measure(const ot_tracking_tally& before, double watched, double elapsed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False where it was woken: the options changed.
  bool Sleep(double seconds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Apply(const TrackingOptions& options) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AttachWanted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Stop();

  const KernelFeatures features_;
  base::Mutex configuring_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(configuring_);

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  TrackingOptions options_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<TrackingPrograms> programs_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;  // of the options
  WatchPlan plan_ ABSL_GUARDED_BY(mutex_);
  uint32_t one_in_ ABSL_GUARDED_BY(mutex_) = 0;
  double events_per_second_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_before_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t evicted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::minstd_rand random_ ABSL_GUARDED_BY(mutex_){std::random_device{}()};
};

AllocationTracker::Impl::~Impl() {
  base::MutexLock configuring(configuring_);
  Stop();
}

TrackingOptions AllocationTracker::Impl::options() const {
  base::MutexLock lock(mutex_);
  return options_;
}

void AllocationTracker::Impl::Stop() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  base::MutexLock lock(mutex_);
  stop_ = false;
  programs_.reset();
  plan_ = WatchPlan();
  one_in_ = 0;
  events_per_second_ = 0;
  refused_before_ = 0;
  evicted_ = 0;
}

absl::Status AllocationTracker::Impl::Configure(const TrackingOptions& options) {
  RETURN_IF_ERROR(Validate(options));
  base::MutexLock configuring(configuring_);
  if (options.mode == TrackingMode::kOff) {
    Stop();
    base::MutexLock lock(mutex_);
    options_ = options;
    return absl::OkStatus();
  }
  base::MutexLock lock(mutex_);
  const bool was_off = programs_ == nullptr;
  if (was_off) {
    ASSIGN_OR_RETURN(programs_, TrackingPrograms::Load(features_));
  }
  if (auto status = Apply(options); !status.ok()) {
    if (was_off) {
      programs_.reset();
    } else {
      Apply(options_).IgnoreError();  // it was accepted before
    }
    return status;
  }
  if (was_off) thread_ = std::thread([this] { Run(); });
  ++generation_;
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status AllocationTracker::Impl::Apply(const TrackingOptions& options) {
  const bool keyed = options.mode == TrackingMode::kKeyed;
  if (keyed) {
    std::vector<ot_tracking_key> keys;
    for (uint64_t id : options.cgroups) keys.push_back({id, OT_KEY_CGROUP, 0});
    for (uint32_t pid : options.pids) keys.push_back({pid, OT_KEY_PROCESS, 0});
    RETURN_IF_ERROR(programs_->SetKeys(keys));
  } else {
    programs_->ClearKeys();
  }
  programs_->KeepFrees(options.frees);
  // Adaptive goes on from where it was.
  const bool goes_on =
      options.mode == options_.mode && options.mode == TrackingMode::kAdaptive && one_in_ != 0;
  if (!goes_on) {
    one_in_ = options.one_in;
    plan_ = WatchPlan();
  }
  const TrackingOptions before = std::exchange(options_, options);
  if (auto status = AttachWanted(); !status.ok()) {
    options_ = before;
    return status;
  }
  if (plan_.always()) programs_->Sample(one_in_, one_in_);
  return absl::OkStatus();
}

absl::Status AllocationTracker::Impl::AttachWanted() {
  return programs_->Attach(
      {.kernel = options_.kernel, .frees = options_.frees, .user = options_.user});
}

bool AllocationTracker::Impl::Sleep(double seconds) {
  const uint64_t generation = generation_;
  const auto end = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(
                                             std::chrono::duration<double>(seconds));
  while (!stop_ && generation == generation_) {
    const auto left = end - steady_clock::now();
    if (left <= left.zero()) return true;
    changed_.WaitFor(mutex_, left);
  }
  return false;
}

void AllocationTracker::Impl::Run() {
  base::MutexLock lock(mutex_);
  while (!stop_) RunPeriod();
}

// Where the period is cut short by new options, nothing is learnt from it. Where nothing can be
// attached any more, the next period tries again.
void AllocationTracker::Impl::RunPeriod() {
  const auto begin = steady_clock::now();
  const ot_tracking_tally before = programs_->Tally();
  const WatchPlan plan = plan_;
  if (plan.always()) {
    if (AttachWanted().ok()) programs_->Sample(one_in_, one_in_);
    if (Sleep(plan.period)) Measure(before, SecondsSince(begin), SecondsSince(begin));
    return;
  }
  CloseWindow();
  const double wait = std::uniform_real_distribution<double>(0, plan.period - plan.open)(random_);
  if (!Sleep(wait)) return;
  if (AttachWanted().ok()) {
    const double weight = std::min(one_in_ / plan.share(), double{UINT32_MAX});
    programs_->SampleWindow(one_in_, static_cast<uint32_t>(std::lround(weight)),
                            BootNanos() + static_cast<uint64_t>(plan.open * 1e9));
  }
  const bool whole = Sleep(plan.open);
  CloseWindow();
  if (!whole || !Sleep(plan.period - plan.open - wait)) return;
  Measure(before, plan.open, SecondsSince(begin));
}

// The end of a process is rare, and always seen.
void AllocationTracker::Impl::CloseWindow() {
  programs_->Sample(0, 0);
  programs_->Attach(TrackedParts()).IgnoreError();
}

void AllocationTracker::Impl::Measure(const ot_tracking_tally& before, double watched,
                                      double elapsed) {
  const ot_tracking_tally tally = programs_->Tally();
  const uint64_t drawn = tally.drawn - before.drawn;
  events_per_second_ = static_cast<double>(tally.recorded - before.recorded) / elapsed;
  if (tally.refused != refused_before_) {
    refused_before_ = tally.refused;
    evicted_ += programs_->MakeRoom();
  }
  if (options_.mode != TrackingMode::kAdaptive) return;
  const double seen = static_cast<double>(drawn) * one_in_ / watched;
  if (!options_.frees) plan_ = PlanWatch(seen);
  one_in_ = AdaptRate(drawn, watched / plan_.share(), options_.events_per_second, one_in_);
}

TrackingSnapshot AllocationTracker::Impl::Read() const {
  base::MutexLock lock(mutex_);
  TrackingSnapshot snapshot;
  snapshot.mode = options_.mode;
  if (programs_ == nullptr) return snapshot;
  snapshot.one_in = one_in_;
  snapshot.events_per_second = events_per_second_;
  snapshot.watched_share = plan_.share();
  snapshot.resident_error_bytes = programs_->resident_error_pages() * programs_->page_size();
  snapshot.refused = programs_->Tally().refused;
  snapshot.evicted = evicted_;

  std::map<uint32_t, TrackedProcess> processes;
  std::map<uint64_t, TrackedCgroup> cgroups;
  for (const auto& [tgid, value] : programs_->ReadProcesses()) {
    TrackedProcess& process = processes[tgid];
    process.comm = CommOf(value.comm);
    process.cgroup_id = value.cgroup_id;
    process.kernel = Figures(value.sums, options_.frees);
  }
  for (const auto& [tgid, value] : programs_->ReadResident()) {
    TrackedProcess& process = processes[tgid];
    process.comm = CommOf(value.comm);
    process.cgroup_id = value.cgroup_id;
    process.resident = Figures(value, programs_->page_size());
    if (value.cgroup_id == 0) continue;
    auto& sum = cgroups[value.cgroup_id].resident;
    if (!sum) sum.emplace();
    Add(sum->anon_bytes, process.resident->anon_bytes);
    Add(sum->file_bytes, process.resident->file_bytes);
    Add(sum->shmem_bytes, process.resident->shmem_bytes);
  }
  for (const auto& [id, value] : programs_->ReadCgroups()) {
    cgroups[id].kernel = Figures(value.sums, options_.frees);
  }
  for (auto& [tgid, process] : processes) {
    process.tgid = tgid;
    snapshot.processes.push_back(std::move(process));
  }
  for (auto& [id, cgroup] : cgroups) {
    cgroup.cgroup_id = id;
    snapshot.cgroups.push_back(cgroup);
  }
  return snapshot;
}

AllocationTracker::AllocationTracker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AllocationTracker::~AllocationTracker() = default;

absl::StatusOr<std::unique_ptr<AllocationTracker>> AllocationTracker::Start(
    const KernelFeatures& features, const TrackingOptions& options) {
  auto impl = std::make_unique<Impl>(features);
  RETURN_IF_ERROR(impl->Configure(options));
  return std::unique_ptr<AllocationTracker>(new AllocationTracker(std::move(impl)));
}

absl::Status AllocationTracker::Configure(const TrackingOptions& options) {
  return impl_->Configure(options);
}

TrackingOptions AllocationTracker::options() const { return impl_->options(); }

TrackingSnapshot AllocationTracker::Read() const { return impl_->Read(); }

}  // namespace oomtrail::kernel
