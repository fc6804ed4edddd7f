#include "agent/attribute/bounded_wait.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include "agent/base/status.h"

namespace oomtrail::attribute {

CancelSignal::CancelSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void CancelSignal::Raise() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

bool CancelSignal::Raised(int fd) {
  pollfd event{fd, POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

absl::Status WaitReady(int fd, short events, Moment until, int cancel_fd, std::string_view what) {
  using std::chrono::milliseconds;
  while (true) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return absl::DeadlineExceededError(std::string(what));
    // Rounded up, or the last millisecond would be spent spinning.
    const auto wait = std::min(std::chrono::ceil<milliseconds>(left), milliseconds(60'000));
    pollfd fds[2] = {{fd, events, 0}, {cancel_fd, POLLIN, 0}};
    const int ready = ::poll(fds, 2, static_cast<int>(wait.count()));
    if (ready < 0 && errno != EINTR) return base::ErrnoStatus(errno, "poll");
    if (ready <= 0) continue;
    if (fds[1].revents != 0) return absl::CancelledError("the agent is stopping");
    if (fds[0].revents != 0) return absl::OkStatus();
  }
}

}  // namespace oomtrail::attribute
