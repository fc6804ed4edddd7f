#include "tests/fakes/fake_name_source.h"

#include <utility>

namespace oomtrail::fakes {
namespace {

constexpr std::chrono::seconds kGenerous(30);

}  // namespace

bool FakeNameSource::Present() {
  base::MutexLock lock(mutex_);
  ++looks_;
  changed_.NotifyAll();
  return present_;
}

void FakeNameSource::SetPresent(bool present) {
  base::MutexLock lock(mutex_);
  present_ = present;
}

absl::StatusOr<attribute::Listing> FakeNameSource::List() {
  base::MutexLock lock(mutex_);
  ++calls_;
  changed_.NotifyAll();
  while (hang_ && !cancelled_) changed_.Wait(mutex_);
  if (cancelled_) return absl::CancelledError("cancelled");
  if (answers_.empty()) return attribute::Listing();
  if (answers_.size() == 1) return answers_.front();
  auto answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

void FakeNameSource::Cancel() {
  base::MutexLock lock(mutex_);
  cancelled_ = true;
  changed_.NotifyAll();
}

void FakeNameSource::Answer(absl::StatusOr<attribute::Listing> answer) {
  base::MutexLock lock(mutex_);
  answers_.push_back(std::move(answer));
}

void FakeNameSource::Hang() {
  base::MutexLock lock(mutex_);
  hang_ = true;
}

void FakeNameSource::Release() {
  base::MutexLock lock(mutex_);
  hang_ = false;
  changed_.NotifyAll();
}

int FakeNameSource::calls() const {
  base::MutexLock lock(mutex_);
  return calls_;
}

bool FakeNameSource::WaitForCalls(int count) {
  const auto give_up = std::chrono::steady_clock::now() + kGenerous;
  base::MutexLock lock(mutex_);
  while (calls_ < count) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    changed_.WaitFor(mutex_, std::chrono::seconds(1));
  }
  return true;
}

bool FakeNameSource::WaitForLooks(int count) {
  const auto give_up = std::chrono::steady_clock::now() + kGenerous;
  base::MutexLock lock(mutex_);
  while (looks_ < count) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    changed_.WaitFor(mutex_, std::chrono::seconds(1));
  }
  return true;
}

}  // namespace oomtrail::fakes
