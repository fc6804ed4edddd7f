// One thread's wait for many descriptors. Owned and called by that thread, but for Stop().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::cli {

class EventLoop {
 public:
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // Calls `ready` whenever `fd` is readable. The descriptor must outlive the loop.
  absl::Status Watch(int fd, std::function<void()> ready);
  // Calls `tick` each `period_ns`.
  absl::Status Every(uint64_t period_ns, std::function<void()> tick);
  // Ends Run() at SIGTERM and SIGINT. Blocks them: call before any thread is started.
  absl::Status StopAtSignals();

  // Runs until stopped. `idle` is called after each round of work.
  void Run(const std::function<void()>& idle);
  void Stop() { running_ = false; }

 private:
  explicit EventLoop(base::UniqueFd epoll) : epoll_(std::move(epoll)) {}

  base::UniqueFd epoll_;
  std::vector<base::UniqueFd> owned_;
  std::vector<std::unique_ptr<std::function<void()>>> handlers_;
  bool running_ = true;
};

}  // namespace oomtrail::cli
