// gRPC subscribers of an agent under measurement, in a process of their own: when each was told of
// a kill. Owned and called by one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/latency/process.h"

namespace oomtrail::bench {

class Subscribers {
 public:
  // `count` of them, each heard by the server. `program`: subscriber.cc's; `address`: "unix:/path".
  static absl::StatusOr<std::unique_ptr<Subscribers>> Start(const std::string& program,
                                                            const std::string& address,
                                                            size_t count);

  // For Await().
  Process& process() { return *process_; }
  // From the kernel's time to each subscriber that has been told of the kill of `pid`.
  const std::vector<uint64_t>& DelaysOf(pid_t pid);
  size_t size() const { return size_; }

 private:
  Subscribers(std::unique_ptr<Process> process, size_t size)
      : process_(std::move(process)), size_(size) {}

  const std::unique_ptr<Process> process_;
  const size_t size_;
  size_t lines_ = 0;  // taken from the process
  std::map<pid_t, std::vector<uint64_t>> delays_;
};

}  // namespace oomtrail::bench
