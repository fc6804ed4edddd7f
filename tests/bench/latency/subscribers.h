// gRPC subscribers of an agent under measurement: when each was told of a kill.
//
// Owned and called by one thread; each subscriber reads on a thread of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/mutex.h"
#include "agent/base/unique_fd.h"

namespace grpc {
class ClientContext;
}

namespace oomtrail::bench {

class Subscribers {
 public:
  // `count` of them, each heard by the server. `address`: "unix:/path".
  static absl::StatusOr<std::unique_ptr<Subscribers>> Start(const std::string& address,
                                                            size_t count);
  ~Subscribers();

  // Becomes readable when somebody was told of something.
  int fd() const { return told_.get(); }
  void Acknowledge();
  // From the kernel's time to each subscriber that has been told of the kill of `pid`.
  std::vector<uint64_t> DelaysOf(pid_t pid) const;
  size_t size() const { return threads_.size(); }

 private:
  Subscribers() = default;
  void Run(const std::string& address, grpc::ClientContext& context);

  base::UniqueFd told_;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
  std::vector<std::thread> threads_;
  mutable base::Mutex mutex_;
  std::map<pid_t, std::vector<uint64_t>> delays_ ABSL_GUARDED_BY(mutex_);
  size_t live_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace oomtrail::bench
