#include "agent/attribute/host_lookup.h"

#include <netdb.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/base/mutex.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

absl::StatusOr<std::vector<SocketAddress>> Resolve(const std::string& host, uint16_t port,
                                                   int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error == EAI_SYSTEM) return base::ErrnoStatus(errno, base::StrCat("look up ", host));
  if (error != 0) {
    return absl::UnavailableError(base::StrCat("look up ", host, ": ", ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

absl::StatusOr<std::vector<SocketAddress>> SystemResolver(const std::string& host, uint16_t port) {
  return Resolve(host, port, 0);
}

// Shared with the thread, which may outlive the lookup.
struct HostLookup::Pending {
  CancelSignal done;
  base::Mutex mutex;
  absl::StatusOr<std::vector<SocketAddress>> result ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<std::vector<SocketAddress>> HostLookup::Find(const std::string& host, uint16_t port,
                                                            Moment until, int cancel_fd) {
  if (auto numeric = Resolve(host, port, AI_NUMERICHOST); numeric.ok()) return numeric;
  if (pending_ == nullptr) {
    auto pending = std::make_shared<Pending>();
    try {
      std::thread([pending, resolver = resolver_, host, port] {
        auto result = resolver(host, port);
        {
          base::MutexLock lock(pending->mutex);
          pending->result = std::move(result);
        }
        pending->done.Raise();
      }).detach();
    } catch (const std::system_error& e) {
      return absl::ResourceExhaustedError(
          base::StrCat("look up ", host, ": no thread: ", e.what()));
    }
    pending_ = std::move(pending);
  }
  RETURN_IF_ERROR(WaitReady(pending_->done.fd(), POLLIN, until, cancel_fd,
                            base::StrCat("look up ", host,
                                         ": no answer from the name servers in "
                                         "time; give the URL an address instead of a name")));
  const auto pending = std::exchange(pending_, nullptr);
  base::MutexLock lock(pending->mutex);
  return std::move(pending->result);
}

}  // namespace oomtrail::attribute
