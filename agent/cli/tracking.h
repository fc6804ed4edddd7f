// Keeps allocation tracking as it is wanted (tracking_wishes.h). Loading its programs takes a
// moment, so a thread of its own does what the pipeline's thread asks for; a client waits for what
// it asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mutex.h"
#include "agent/cli/tracking_wishes.h"
#include "agent/kernel/kernel_features.h"
#include "agent/publish/usage_report.h"

namespace oomtrail::cli {

class Tracking {
 public:
  // What does it; called by one thread at a time, `read` by any.
  struct Tracker {
    std::function<absl::Status(const kernel::TrackingOptions&)> configure;
    std::function<kernel::TrackingSnapshot()> read;
  };
  // Nothing is loaded before something is to be followed. `features` must outlive it.
  static Tracker InTheKernel(const kernel::KernelFeatures& features);

  Tracking(const TrackFlags& flags, Tracker tracker, const base::Clock& clock,
           const base::Log& log);
  ~Tracking();  // stops the thread; what is followed ends with the tracker
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

  // The pipeline's thread. Do not wait.
  void SetAsking(std::vector<uint64_t> cgroups);
  void Tick();  // each second

  // Any thread. What a client wants for so many seconds, or no longer: 0. Waits until it is so.
  // FAILED_PRECONDITION where flags or node do not allow it: then all is as before.
  absl::Status Set(const kernel::TrackingOptions& options, uint32_t seconds);

  // Any thread.
  publish::TrackingState state() const;
  kernel::TrackingSnapshot Read() const { return tracker_.read(); }

 private:
  void Run();
  absl::Status Apply() ABSL_EXCLUSIVE_LOCKS_REQUIRED(applying_);

  const Tracker tracker_;
  const base::Clock& clock_;
  const base::Log& log_;

  base::Mutex applying_;  // taken before mutex_
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  TrackingWishes wishes_ ABSL_GUARDED_BY(mutex_);
  kernel::TrackingOptions applied_ ABSL_GUARDED_BY(mutex_);
  kernel::TrackingOptions failed_ ABSL_GUARDED_BY(mutex_);  // with error_: not tried again
  std::string error_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace oomtrail::cli
