// The kernel log as a stream of records, from now on: old lines are never read again.
//
// Owned and called by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::kernel {

class KmsgReader {
 public:
  // One raw record: "<prefix>;<text>\n…", see Documentation/ABI/testing/dev-kmsg.
  using OnRecord = std::function<void(std::string_view)>;

  // `path` is /dev/kmsg, or the container's mount of it.
  static absl::StatusOr<std::unique_ptr<KmsgReader>> Open(const std::string& path,
                                                          OnRecord on_record);

  int fd() const { return fd_.get(); }

  // Handles what is there, without waiting. Returns how often the log overran this reader, each
  // time losing an unknown number of records.
  uint64_t Drain();

 private:
  KmsgReader(base::UniqueFd fd, OnRecord on_record)
      : fd_(std::move(fd)), on_record_(std::move(on_record)) {}

  base::UniqueFd fd_;
  OnRecord on_record_;
};

}  // namespace oomtrail::kernel
