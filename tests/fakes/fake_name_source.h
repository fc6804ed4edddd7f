// A name source that says what a test tells it to. Thread-safe.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <string_view>

#include "agent/attribute/name_source.h"
#include "agent/base/mutex.h"

namespace oomtrail::fakes {

class FakeNameSource final : public attribute::NameSource {
 public:
  explicit FakeNameSource(std::string name) : name_(std::move(name)) {}

  std::string_view name() const override { return name_; }
  std::string_view where() const override { return "here"; }
  bool Present() override;
  absl::StatusOr<attribute::Listing> List() override;
  void Cancel() override;

  // What the next List() returns; the last of these is repeated for ever. At first: nothing runs.
  void Answer(absl::StatusOr<attribute::Listing> answer);
  // Whether there is anybody to ask; at first there is.
  void SetPresent(bool present);
  // From now on List() does not return, until Release() or Cancel().
  void Hang();
  void Release();

  int calls() const;
  // Whether List() was called `count` times in all, waiting for it generously.
  bool WaitForCalls(int count);
  // The same for Present().
  bool WaitForLooks(int count);

 private:
  const std::string name_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<absl::StatusOr<attribute::Listing>> answers_ ABSL_GUARDED_BY(mutex_);
  bool present_ ABSL_GUARDED_BY(mutex_) = true;
  bool hang_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int looks_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace oomtrail::fakes
