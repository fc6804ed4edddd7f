#include "agent/cli/tracking.h"

#include <chrono>
#include <optional>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::cli {

using kernel::TrackingOptions;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

class KernelTracker {
 public:
  explicit KernelTracker(const kernel::KernelFeatures& features) : features_(features) {}

  absl::Status Configure(const TrackingOptions& options) {
    if (auto tracker = Get()) return tracker->Configure(options);
    if (options.mode == kernel::TrackingMode::kOff) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto started, kernel::AllocationTracker::Start(features_, options));
    const base::MutexLock lock(mutex_);
    tracker_ = std::move(started);
    return absl::OkStatus();
  }

  kernel::TrackingSnapshot Read() const {
    const auto tracker = Get();
    return tracker ? tracker->Read() : kernel::TrackingSnapshot{};
  }

 private:
  std::shared_ptr<kernel::AllocationTracker> Get() const {
    const base::MutexLock lock(mutex_);
    return tracker_;
  }

  const kernel::KernelFeatures& features_;
  mutable base::Mutex mutex_;
  std::shared_ptr<kernel::AllocationTracker> tracker_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Tracking::Tracker Tracking::InTheKernel(const kernel::KernelFeatures& features) {
  auto tracker = std::make_shared<KernelTracker>(features);
  return {.configure = [tracker](const auto& options) { return tracker->Configure(options); },
          .read = [tracker] { return tracker->Read(); }};
}

Tracking::Tracking(const TrackFlags& flags, Tracker tracker, const base::Clock& clock,
                   const base::Log& log)
    : tracker_(std::move(tracker)), clock_(clock), log_(log), wishes_(flags), thread_([this] {
        Run();
      }) {}

Tracking::~Tracking() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Tracking::SetAsking(std::vector<uint64_t> cgroups) {
  const base::MutexLock lock(mutex_);
  wishes_.SetAsking(std::move(cgroups));
  changed_.NotifyAll();
}

void Tracking::Tick() {
  const base::MutexLock lock(mutex_);
  if (!Same(wishes_.At(clock_.BootNanos()), applied_)) changed_.NotifyAll();
}

absl::Status Tracking::Set(const TrackingOptions& options, uint32_t seconds) {
  const base::MutexLock applying(applying_);
  std::optional<TrackingWishes> before;
  {
    const base::MutexLock lock(mutex_);
    before = wishes_;
    error_.clear();  // it is asked for anew, so it is tried anew
    if (seconds == 0) {
      wishes_.Clear();
    } else if (!wishes_.Set(options, clock_.BootNanos() + seconds * kSecondNs)) {
      return absl::FailedPreconditionError("the agent runs with --track never");
    }
  }
  absl::Status applied = Apply();
  if (applied.ok()) return applied;
  if (seconds != 0) {
    const base::MutexLock lock(mutex_);
    wishes_ = *before;
    error_.clear();
  }
  // The node denies it, not the agent this client.
  return absl::FailedPreconditionError(applied.message());
}

// What could not be had is not tried again until something else is wanted.
absl::Status Tracking::Apply() {
  TrackingOptions wanted;
  {
    const base::MutexLock lock(mutex_);
    wanted = wishes_.At(clock_.BootNanos());
    if (Same(wanted, applied_)) return absl::OkStatus();
    if (!error_.empty() && Same(wanted, failed_)) return absl::OkStatus();
  }
  absl::Status status = tracker_.configure(wanted);
  const base::MutexLock lock(mutex_);
  if (status.ok()) {
    applied_ = wanted;
    error_.clear();
    log_.Info(base::StrCat("following allocations: ", Name(wanted.mode)));
    return status;
  }
  failed_ = wanted;
  error_ = std::string(status.message());
  log_.Warn(base::StrCat("allocations are not followed: ", error_));
  return status;
}

void Tracking::Run() {
  constexpr std::chrono::seconds kPause{60};  // a Tick() wakes it earlier
  while (true) {
    {
      const base::MutexLock applying(applying_);
      Apply().IgnoreError();  // it is in state() and in the log
    }
    const base::MutexLock lock(mutex_);
    if (stopping_) return;
    const TrackingOptions wanted = wishes_.At(clock_.BootNanos());
    const bool hopeless = !error_.empty() && Same(wanted, failed_);
    if (Same(wanted, applied_) || hopeless) changed_.WaitFor(mutex_, kPause);
    if (stopping_) return;
  }
}

publish::TrackingState Tracking::state() const {
  const base::MutexLock lock(mutex_);
  publish::TrackingState state{.options = applied_, .error = error_};
  if (const auto until = wishes_.Until(clock_.BootNanos())) {
    state.until_wall_ns = clock_.WallFromBoot(*until);
  }
  return state;
}

}  // namespace oomtrail::cli
