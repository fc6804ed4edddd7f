#include "agent/attribute/directory_refresher.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <utility>

#include "agent/base/strings.h"

namespace oomtrail::attribute {

// One source and the thread that asks it.
class DirectoryRefresher::Worker {
 public:
  Worker(DirectoryRefresher& owner, std::unique_ptr<NameSource> source)
      : owner_(owner),
        source_(std::move(source)),
        schedule_(source_->pacing(), std::random_device()()) {
    state_.name = source_->name();
    state_.where = source_->where();
    state_.present = source_->Present();
  }
  ~Worker() { Join(); }

  void Start() {
    // A thread inherits the signal mask: the process's signals are main's to handle.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void Cancel() {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.NotifyAll();
    source_->Cancel();
  }

  void Join() {
    if (!thread_.joinable()) return;
    Cancel();
    thread_.join();
  }

  void Request() {
    {
      base::MutexLock lock(mutex_);
      schedule_.Want();
    }
    wake_.NotifyAll();
  }

  SourceState State() const {
    base::MutexLock lock(mutex_);
    return state_;
  }

 private:
  void Run() {
    while (WaitUntilDue()) {
      if (!Present()) continue;
      auto listing = source_->List();
      const bool ok = listing.ok();
      if (!Note(listing)) return;
      if (!ok) {
        owner_.directory_.NoteSilent(source_->name());
        continue;
      }
      const uint64_t generation = owner_.directory_.Update(source_->name(), *std::move(listing));
      base::MutexLock lock(owner_.change_mutex_);
      if (owner_.on_change_) owner_.on_change_(generation);
    }
  }

  // False when it is time to stop.
  bool WaitUntilDue() {
    base::MutexLock lock(mutex_);
    while (!stopping_) {
      const uint64_t due = schedule_.DueNanos();
      const uint64_t now = owner_.clock_.BootNanos();
      if (due <= now) {
        schedule_.Start();
        return true;
      }
      wake_.WaitFor(mutex_, std::chrono::nanoseconds(due - now));
    }
    return false;
  }

  // That nobody is there to be asked is no failure, but the next look comes as soon.
  bool Present() {
    const bool present = source_->Present();
    if (!present) owner_.directory_.NoteSilent(source_->name());
    base::MutexLock lock(mutex_);
    state_.present = present;
    if (!present) schedule_.Failed(owner_.clock_.BootNanos());
    return present;
  }

  // Takes down how it went. False when it is time to stop: a cancelled call is no failure.
  bool Note(const absl::StatusOr<Listing>& listing) {
    std::string changed;
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return false;
      state_.where = source_->where();
      const bool first = state_.successes == 0 && state_.failures_in_a_row == 0;
      if (listing.ok()) {
        changed = NoteSuccess(*listing, first);
      } else {
        changed = NoteFailure(listing.status());
      }
    }
    if (changed.empty()) return true;
    if (listing.ok()) {
      owner_.log_.Info(changed);
    } else {
      owner_.log_.Warn(changed);
    }
    return true;
  }

  // Both return the line to log where the source came up or went down, else nothing.
  std::string NoteSuccess(const Listing& listing, bool first)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const uint32_t failures = std::exchange(state_.failures_in_a_row, 0);
    ++state_.successes;
    state_.last_error.clear();
    state_.last_success_wall_ns = owner_.clock_.WallNanos();
    state_.skipped = listing.skipped;
    state_.containers = 0;
    for (const PodEntry& pod : listing.pods) {
      for (const ContainerEntry& container : pod.containers) {
        if (!container.sandbox) ++state_.containers;
      }
    }
    schedule_.Succeeded(owner_.clock_.BootNanos());
    if (!first && failures == 0) return "";
    std::string line =
        base::StrCat("names from ", state_.name, " ", state_.where, ": ", listing.pods.size(),
                     " pods, ", state_.containers, " containers");
    if (failures > 0) base::StrAppend(&line, ", after ", failures, " failed tries");
    if (const uint64_t skipped = listing.skipped.Total(); skipped > 0) {
      base::StrAppend(&line, "; ", skipped, " entries or labels skipped");
    }
    return line;
  }

  std::string NoteFailure(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++state_.failures_in_a_row;
    ++state_.failures[absl::StatusCodeToString(status.code())];
    state_.last_error = std::string(status.message());
    schedule_.Failed(owner_.clock_.BootNanos());
    if (state_.failures_in_a_row > 1) return "";
    return base::StrCat("no names for now: ", status.message());
  }

  DirectoryRefresher& owner_;
  const std::unique_ptr<NameSource> source_;
  mutable base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  RefreshSchedule schedule_ ABSL_GUARDED_BY(mutex_);
  SourceState state_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

DirectoryRefresher::DirectoryRefresher(PodDirectory& directory, const base::Clock& clock,
                                       const base::Log& log, OnChange on_change)
    : directory_(directory), clock_(clock), log_(log), on_change_(std::move(on_change)) {}

DirectoryRefresher::~DirectoryRefresher() { Stop(); }

void DirectoryRefresher::AddSource(std::unique_ptr<NameSource> source) {
  workers_.push_back(std::make_unique<Worker>(*this, std::move(source)));
}

void DirectoryRefresher::Start() {
  for (const auto& worker : workers_) worker->Start();
}

void DirectoryRefresher::Stop() {
  // All at once, then one after the other.
  for (const auto& worker : workers_) worker->Cancel();
  for (const auto& worker : workers_) worker->Join();
}

void DirectoryRefresher::Request() {
  for (const auto& worker : workers_) worker->Request();
}

std::vector<SourceState> DirectoryRefresher::States() const {
  std::vector<SourceState> states;
  states.reserve(workers_.size());
  for (const auto& worker : workers_) states.push_back(worker->State());
  return states;
}

bool DirectoryRefresher::AnyPresent() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->State().present; });
}

}  // namespace oomtrail::attribute
