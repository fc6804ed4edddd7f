#include "agent/kernel/ring_reader.h"

#include <bpf/libbpf.h>

#include <cerrno>

#include "agent/base/status.h"

namespace oomtrail::kernel {

absl::StatusOr<std::unique_ptr<RingReader>> RingReader::Open(int ring_fd, OnRecord on_record) {
  auto reader = std::unique_ptr<RingReader>(new RingReader(ring_fd, std::move(on_record)));
  reader->ring_ = ring_buffer__new(ring_fd, &RingReader::Sample, reader.get(), nullptr);
  if (reader->ring_ == nullptr) return base::ErrnoStatus(errno, "map a BPF ring");
  return reader;
}

RingReader::~RingReader() { ring_buffer__free(ring_); }

void RingReader::Drain() { ring_buffer__consume(ring_); }

int RingReader::Sample(void* self, void* data, size_t size) {
  static_cast<RingReader*>(self)->on_record_(
      std::span<const std::byte>(static_cast<const std::byte*>(data), size));
  return 0;
}

}  // namespace oomtrail::kernel
