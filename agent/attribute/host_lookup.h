// From a host's name to its addresses, without ever waiting longer than asked.
//
// The system's resolver can neither be cancelled nor given a time, so it runs on a thread of its
// own, which this class leaves behind if need be: one at most, and it owns all that it touches.
// Find() is called from one thread at a time, always for the same host.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/attribute/bounded_wait.h"

namespace oomtrail::attribute {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

using Resolver = std::function<absl::StatusOr<std::vector<SocketAddress>>(const std::string& host,
                                                                          uint16_t port)>;

// getaddrinfo.
absl::StatusOr<std::vector<SocketAddress>> SystemResolver(const std::string& host, uint16_t port);

class HostLookup {
 public:
  explicit HostLookup(Resolver resolver = SystemResolver) : resolver_(std::move(resolver)) {}

  // Addresses written as such are answered at once. A lookup that timed out goes on, and the next
  // Find() waits for that one.
  absl::StatusOr<std::vector<SocketAddress>> Find(const std::string& host, uint16_t port,
                                                  Moment until, int cancel_fd);

 private:
  struct Pending;

  Resolver resolver_;
  std::shared_ptr<Pending> pending_;
};

}  // namespace oomtrail::attribute
