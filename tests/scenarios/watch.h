// Waits for what a scenario brings about: agents' pipes, the kernel log, ends of processes.
//
// Owned and called by the runner's one thread. Nothing here sleeps: every wait is for a condition,
// re-examined whenever a descriptor has something to say, and bounded.
#pragma once

#include <chrono>
#include <functional>
#include <map>

namespace oomtrail::scenarios {

// How long anything may take. Generous: under software emulation an agent's start takes seconds.
inline constexpr std::chrono::seconds kPatience{30};

class Watch {
 public:
  // Calls `ready` while `fd` is readable or at its end. It may remove itself.
  void Add(int fd, std::function<void()> ready);
  void Remove(int fd);

  // Handles what comes until `done` holds. False where the time was over first.
  bool Until(const std::function<bool()>& done, std::chrono::milliseconds limit = kPatience);

 private:
  void Round(int timeout_ms);

  std::map<int, std::function<void()>> ready_;
};

}  // namespace oomtrail::scenarios
