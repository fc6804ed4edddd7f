// Waiting on a file descriptor with an end: a moment, or a cancellation. Thread-safe.
#pragma once

#include <chrono>
#include <string_view>

#include "absl/status/status.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::attribute {

// Raised once and for good; wakes every wait that was given its fd().
class CancelSignal {
 public:
  CancelSignal();

  void Raise();
  // Whether the signal behind `fd` was raised.
  static bool Raised(int fd);
  int fd() const { return event_.get(); }

 private:
  base::UniqueFd event_;
};

using Moment = std::chrono::steady_clock::time_point;

// OK when `fd` has one of `events`; DEADLINE_EXCEEDED ("<what>") at `until`; CANCELLED.
absl::Status WaitReady(int fd, short events, Moment until, int cancel_fd, std::string_view what);

}  // namespace oomtrail::attribute
