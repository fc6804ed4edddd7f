// Event lines to a file descriptor (stdout) that may be a pipe nobody reads.
//
// Owned and called by one thread; never waits. Lines go out at once while the descriptor takes
// them; then up to `max_backlog_bytes` are held; then lines are dropped and counted, for the caller
// to tell of (TakeDropped). SIGPIPE must be ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace oomtrail::publish {

class LineWriter {
 public:
  static constexpr size_t kMaxBacklogBytes = 1 << 20;

  explicit LineWriter(int fd, size_t max_backlog_bytes = kMaxBacklogBytes);

  // `line` without its newline. False where it was dropped.
  bool Write(std::string_view line);

  // Writes what is held back, as far as the descriptor takes it. Call it from a timer: a full disk
  // polls as writable and takes nothing.
  void Flush();

  bool has_backlog() const { return !backlog_.empty(); }
  // The other end is closed: nothing will ever be written again.
  bool broken() const { return broken_; }
  // Lines dropped since the last call.
  uint64_t TakeDropped();
  int fd() const { return fd_; }

 private:
  size_t WriteSome(std::string_view bytes);

  const int fd_;
  const size_t max_backlog_bytes_;
  std::string backlog_;
  uint64_t dropped_ = 0;
  bool broken_ = false;
};

}  // namespace oomtrail::publish
