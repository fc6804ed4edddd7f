// Reads one BPF ring. Owned and called by one thread.
//
// The consumer position lives in the ring: a record is let go only after `on_record` has returned,
// so a pinned ring hands an agent that died in the middle its record again.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

struct ring_buffer;

namespace oomtrail::kernel {

class RingReader {
 public:
  using OnRecord = std::function<void(std::span<const std::byte>)>;

  // The descriptor stays the caller's, and must outlive the reader.
  static absl::StatusOr<std::unique_ptr<RingReader>> Open(int ring_fd, OnRecord on_record);
  ~RingReader();

  // Readable when there are records.
  int fd() const { return ring_fd_; }

  // Handles what is there, without waiting.
  void Drain();

 private:
  RingReader(int ring_fd, OnRecord on_record)
      : ring_fd_(ring_fd), on_record_(std::move(on_record)) {}
  static int Sample(void* self, void* data, size_t size);

  // The ring's own, not libbpf's epoll around it: one wake-up less on the way to a kill.
  const int ring_fd_;
  OnRecord on_record_;
  ring_buffer* ring_ = nullptr;
};

}  // namespace oomtrail::kernel
