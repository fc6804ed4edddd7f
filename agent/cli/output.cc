#include "agent/cli/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::cli {
namespace {

constexpr size_t kMaxPending = 64 << 10;
constexpr int kUsualColumns = 80;
constexpr int kMaxColumns = 1000;

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::Status Output::Check() const {
  const int flags = ::fcntl(fd_, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
    return absl::FailedPreconditionError("stdout is closed: there is nowhere to write events to");
  }
  return absl::OkStatus();
}

absl::Status Output::Write(std::string_view lines) {
  pending_.append(lines);
  return pending_.size() < kMaxPending ? absl::OkStatus() : Flush();
}

absl::Status Output::Flush() {
  std::string_view rest = pending_;
  absl::Status status;
  while (!rest.empty() && status.ok()) {
    pollfd fds[] = {{.fd = fd_, .events = POLLOUT}, {.fd = stop_fd_, .events = POLLIN}};
    ::poll(fds, std::size(fds), -1);
    if (fds[0].revents == 0) {
      if (fds[1].revents == 0) continue;  // EINTR
      status = absl::CancelledError("interrupted");
      break;
    }
    // A pipe that polls as writable takes this much without waiting.
    const ssize_t wrote = ::write(fd_, rest.data(), std::min<size_t>(rest.size(), PIPE_BUF));
    if (wrote >= 0) {
      rest.remove_prefix(static_cast<size_t>(wrote));
    } else if (errno == EPIPE) {
      status = absl::CancelledError("nobody reads");
    } else if (errno != EINTR && errno != EAGAIN) {
      status = base::ErrnoStatus(errno, "write to stdout");
    }
  }
  pending_.clear();
  return status;
}

bool WantsColor(ColorWhen when, int fd) {
  if (when != ColorWhen::kAuto) return when == ColorWhen::kAlways;
  return Variable("NO_COLOR").empty() && Variable("TERM") != "dumb" && ::isatty(fd) == 1;
}

int TerminalColumns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  int columns = 0;
  const bool given = base::SimpleAtoi(Variable("COLUMNS"), &columns);
  return given && columns > 0 && columns <= kMaxColumns ? columns : kUsualColumns;
}

}  // namespace oomtrail::cli
