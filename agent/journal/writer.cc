// The journal's own thread: what is in memory, onto the disk.
#include <algorithm>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/journal/journal.h"

namespace oomtrail::journal {
namespace {

constexpr size_t kMaxBatchEntries = 512;
constexpr size_t kMaxBatchBytes = 1UL << 20;
// What belongs together comes together: it is one batch, and those who are told of a kill at this
// very moment keep the CPU.
constexpr std::chrono::milliseconds kLinger{5};
constexpr std::chrono::seconds kRetry{5};
constexpr std::chrono::minutes kForgetEvery{1};

}  // namespace

bool Journal::HasWork() const { return written_ != head_ || !states_.empty() || damaged_; }

void Journal::Linger() {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + kLinger;
  for (auto now = Clock::now(); now < until && !hurry_ && !closing_; now = Clock::now()) {
    work_.WaitFor(mutex_, until - now);
  }
}

Journal::Work Journal::AwaitWork() {
  const base::MutexLock lock(mutex_);
  if (!error_.empty() && !closing_) {
    work_.WaitFor(mutex_, kRetry);
  } else if (!closing_ && !HasWork()) {
    idle_ = true;
    work_.WaitFor(mutex_, kForgetEvery);
    idle_ = false;
    Linger();
  }
  Work work{.store = store_, .damaged = damaged_, .last = closing_};
  size_t bytes = 0;
  const uint64_t first = TailFirst();
  for (size_t i = written_ + 1 > first ? written_ + 1 - first : 0; i < tail_.size(); ++i) {
    if (work.entries.size() == kMaxBatchEntries || bytes >= kMaxBatchBytes) break;
    bytes += tail_[i].bytes();
    work.entries.push_back(tail_[i]);
  }
  work.states.assign(states_.begin(), states_.end());
  return work;
}

// The damaged file goes, and with it what it held; what is in memory goes into the next one.
absl::Status Journal::ReplaceStore() {
  uint64_t first = 0;
  {
    const base::MutexLock lock(mutex_);
    store_.reset();
    extent_ = {};
    first = written_ + 1;
  }
  log_.Error(base::StrCat("the journal is damaged: it is set aside in ", directory_->path(),
                          "/journal.damaged.db, and a new one is begun"));
  RETURN_IF_ERROR(directory_->Quarantine());
  RETURN_IF_ERROR(OpenStore(first));
  const base::MutexLock lock(mutex_);
  damaged_ = false;
  return absl::OkStatus();
}

absl::Status Journal::Do(const Work& work) {
  if (work.damaged || work.store == nullptr) return ReplaceStore();
  Store& store = *work.store;
  absl::Status written = store.Write(work.entries, work.states);
  if (absl::IsUnavailable(written)) {
    // The file's own bound may be what is full.
    RETURN_IF_ERROR(store.ForgetSurplus());
    written = store.Write(work.entries, work.states);
  }
  RETURN_IF_ERROR(written);
  RETURN_IF_ERROR(store.ForgetSurplus());
  const auto now = std::chrono::steady_clock::now();
  if (now - forgotten_at_ >= kForgetEvery) {
    forgotten_at_ = now;
    RETURN_IF_ERROR(store.ForgetBefore(clock_.WallNanos() -
                                       std::chrono::nanoseconds(options_.max_age).count()));
  }
  ASSIGN_OR_RETURN(const uint64_t bytes, store.Bytes());
  OnWritten(work, bytes);
  return absl::OkStatus();
}

void Journal::OnWritten(const Work& work, uint64_t bytes) {
  const base::MutexLock lock(mutex_);
  if (!work.entries.empty()) written_ = std::max(written_, work.entries.back().sequence);
  for (const auto& [name, value] : work.states) {
    // Unless a newer one has come meanwhile.
    if (const auto found = states_.find(name); found != states_.end() && found->second == value) {
      states_.erase(found);
    }
  }
  extent_ = work.store->extent();
  bytes_ = bytes;
  if (!error_.empty()) log_.Info("the journal is written again");
  error_.clear();
  Trim();
}

void Journal::OnFailed(const absl::Status& status) {
  const base::MutexLock lock(mutex_);
  if (absl::IsDataLoss(status)) {
    damaged_ = true;
    return;  // and is replaced at once
  }
  if (error_.empty()) {
    log_.Error(
        base::StrCat("the journal cannot be written, events stay in memory: ", status.message()));
  }
  error_ = std::string(status.message());
}

void Journal::RunWriter() {
  // Twice at most when closing: a damaged file may have to go first.
  for (int last_tries = 0; last_tries < 2;) {
    const Work work = AwaitWork();
    const absl::Status done = Do(work);
    if (!done.ok()) OnFailed(done);
    const base::MutexLock lock(mutex_);
    done_.NotifyAll();
    if (!work.last) continue;
    if (!HasWork()) return;
    if (!done.ok()) ++last_tries;
  }
}

absl::Status Journal::Flush() {
  if (!directory_) return absl::OkStatus();
  const base::MutexLock lock(mutex_);
  hurry_ = true;
  work_.NotifyAll();
  while (HasWork() && error_.empty()) done_.WaitFor(mutex_, kRetry);
  hurry_ = false;
  if (!error_.empty()) return absl::UnavailableError(error_);
  return absl::OkStatus();
}

}  // namespace oomtrail::journal
