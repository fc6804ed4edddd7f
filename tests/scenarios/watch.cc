#include "tests/scenarios/watch.h"

#include <poll.h>

#include <algorithm>
#include <vector>

namespace oomtrail::scenarios {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void Watch::Add(int fd, std::function<void()> ready) { ready_[fd] = std::move(ready); }

void Watch::Remove(int fd) { ready_.erase(fd); }

void Watch::Round(int timeout_ms) {
  std::vector<pollfd> fds;
  fds.reserve(ready_.size());
  for (const auto& [fd, ready] : ready_) fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return;
  for (const pollfd& polled : fds) {
    if (polled.revents == 0) continue;
    const auto found = ready_.find(polled.fd);
    if (found == ready_.end()) continue;  // removed by one before it
    const auto handler = found->second;
    handler();
  }
}

bool Watch::Until(const std::function<bool()>& done, milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (true) {
    Round(0);
    if (done()) return true;
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left <= milliseconds(0)) return false;
    Round(static_cast<int>(std::min<long>(left.count(), 1000)));
  }
}

}  // namespace oomtrail::scenarios
