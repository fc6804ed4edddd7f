#include "agent/api/http_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

// What the kernel may hold for one connection counts as the agent's own memory.
constexpr int kSendBufferBytes = 64 << 10;
constexpr int kReceiveBufferBytes = 16 << 10;
// Who finds no place here tries again only after a second: too late for most probes.
constexpr int kBacklog = 1024;

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  bool every = false;  // of either family

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&address); }
};

Endpoint V4(in_addr address, uint16_t port) {
  Endpoint endpoint;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = ::htons(port);
  v4.sin_addr = address;
  std::memcpy(&endpoint.address, &v4, sizeof v4);
  endpoint.size = sizeof v4;
  return endpoint;
}

Endpoint V6(const in6_addr& address, uint16_t port) {
  Endpoint endpoint;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = ::htons(port);
  v6.sin6_addr = address;
  std::memcpy(&endpoint.address, &v6, sizeof v6);
  endpoint.size = sizeof v6;
  return endpoint;
}

absl::Status Refuse(std::string_view address, std::string_view why) {
  return absl::InvalidArgumentError(
      base::StrCat("--http-listen ", address.substr(0, 64), ": ", why,
                   "; give ADDRESS:PORT, such as 127.0.0.1:9464, or :9464 for every address"));
}

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || text.ends_with("]")) return Refuse(text, "names no port");
  const std::string_view digits = std::string_view(text).substr(colon + 1);
  uint16_t port = 0;
  if (!base::SimpleAtoi(digits, &port)) return Refuse(text, "has no valid port");

  std::string host = text.substr(0, colon);
  if (host.empty()) {
    Endpoint every = V6(IN6ADDR_ANY_INIT, port);
    every.every = true;
    return every;
  }
  // A copy in C's sense would end at it.
  if (host.find('\0') != std::string::npos) return Refuse("", "holds a NUL");
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return Refuse(text, "is no IPv6 address");
    return V6(v6, port);
  }
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return V4(v4, port);
  if (base::StrContains(host, ":")) return Refuse(text, "is an IPv6 address without its brackets");
  return Refuse(text, "is no IP address (names are not looked up)");
}

std::string_view Remedy(int error) {
  switch (error) {
    case EADDRINUSE: return "; another process has this port: give another one";
    case EADDRNOTAVAIL: return "; this machine has no such address: give one of its own";
    case EACCES: return "; give a port from 1024 up, or the capability CAP_NET_BIND_SERVICE";
    default: return "";
  }
}

// 0, or the errno of the step that failed, which `step` then names.
int Bind(Endpoint endpoint, std::chrono::milliseconds patience, base::UniqueFd* socket,
         std::string_view* step) {
  *step = "socket";
  const int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  socket->Reset(::socket(endpoint.get()->sa_family, kind, IPPROTO_TCP));
  if (!socket->ok()) return errno;
  const int yes = 1;
  const int only_v6 = endpoint.every ? 0 : 1;
  const auto user_timeout = static_cast<unsigned>(patience.count());
  const int fd = socket->get();
  // An accepted connection inherits all of these. One that is refused costs a bound, not the
  // server.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  if (endpoint.get()->sa_family == AF_INET6) {
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  *step = "bind";
  if (::bind(fd, endpoint.get(), endpoint.size) != 0) return errno;
  *step = "listen";
  return ::listen(fd, kBacklog) == 0 ? 0 : errno;
}

int LocalPort(int fd) {
  Endpoint local;
  local.size = sizeof local.address;
  if (::getsockname(fd, local.get(), &local.size) != 0) return 0;
  // The port has the same place in both.
  sockaddr_in named{};
  std::memcpy(&named, &local.address, sizeof named);
  return ::ntohs(named.sin_port);
}

}  // namespace

absl::Status CheckHttpAddress(const std::string& address) {
  return ParseEndpoint(address).status();
}

absl::StatusOr<HttpListener> OpenHttpListener(const std::string& address,
                                              std::chrono::milliseconds patience) {
  ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(address));
  HttpListener listener;
  std::string_view step;
  int error = Bind(endpoint, patience, &listener.socket, &step);
  // A kernel without IPv6, or one that was told to do without.
  if (endpoint.every && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL)) {
    sockaddr_in6 asked{};
    std::memcpy(&asked, &endpoint.address, sizeof asked);
    error =
        Bind(V4(in_addr{INADDR_ANY}, ::ntohs(asked.sin6_port)), patience, &listener.socket, &step);
  }
  if (error != 0) {
    const absl::Status status =
        base::ErrnoStatus(error, base::StrCat("--http-listen ", address, ": ", step));
    return absl::Status(status.code(), base::StrCat(status.message(), Remedy(error)));
  }
  listener.port = LocalPort(listener.socket.get());
  listener.address = base::StrCat(address.substr(0, address.rfind(':')), ":", listener.port);
  return listener;
}

}  // namespace oomtrail::api
