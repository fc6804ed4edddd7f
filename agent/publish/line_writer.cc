#include "agent/publish/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace oomtrail::publish {

LineWriter::LineWriter(int fd, size_t max_backlog_bytes)
    : fd_(fd), max_backlog_bytes_(max_backlog_bytes) {
  backlog_.reserve(max_backlog_bytes_);  // the moment it is needed there may be no memory
}

// A pipe that polls writable takes PIPE_BUF bytes without waiting. The descriptor may be shared
// with other processes (a terminal), so it must not be made non-blocking itself.
size_t LineWriter::WriteSome(std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size() && !broken_) {
    pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&writable, 1, 0) != 1) break;
    if ((writable.revents & POLLOUT) == 0) {
      broken_ = true;
      break;
    }
    const size_t size = std::min<size_t>(bytes.size() - written, PIPE_BUF);
    const ssize_t wrote = ::write(fd_, bytes.data() + written, size);
    if (wrote < 0) {
      if (errno == EINTR) continue;
      // What else there is (EAGAIN, ENOSPC, EIO) may pass: the rest is held back.
      if (errno == EPIPE || errno == EBADF) broken_ = true;
      break;
    }
    written += static_cast<size_t>(wrote);
  }
  return written;
}

bool LineWriter::Write(std::string_view line) {
  if (has_backlog()) Flush();
  size_t written = 0;
  if (!has_backlog()) {
    std::string whole(line);
    whole += '\n';
    written = WriteSome(whole);
    if (written == whole.size()) return true;
  }
  // The rest of a line that has begun is always kept, or two lines would run into one.
  if (broken_ || (written == 0 && backlog_.size() + line.size() + 1 > max_backlog_bytes_)) {
    ++dropped_;
    return false;
  }
  if (written <= line.size()) backlog_.append(line.substr(written));
  backlog_ += '\n';
  return true;
}

void LineWriter::Flush() { backlog_.erase(0, WriteSome(backlog_)); }

uint64_t LineWriter::TakeDropped() { return std::exchange(dropped_, 0); }

}  // namespace oomtrail::publish
