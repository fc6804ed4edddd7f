#include "agent/api/listen_address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>

#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

constexpr std::string_view kRemedy = "give unix:///PATH, ADDRESS:PORT, [IPV6]:PORT or :PORT";

absl::Status Wrong(std::string_view text, std::string_view cause) {
  return absl::InvalidArgumentError(base::StrCat("--listen ", text, ": ", cause, "; ", kRemedy));
}

absl::StatusOr<ListenAddress> UnixAddress(std::string_view text, std::string_view path) {
  ListenAddress address;
  if (path.starts_with("//")) path.remove_prefix(2);
  if (path.find('\0') != std::string_view::npos) return Wrong(text, "a NUL byte in the path");
  if (!path.starts_with('/')) return Wrong(text, "the socket's path is not absolute");
  if (path.ends_with('/')) return Wrong(text, "the socket's path names a directory");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(base::StrCat(
        "--listen ", text, ": the path has ", path.size(), " bytes, a socket's at most ",
        sizeof(sockaddr_un::sun_path) - 1, "; choose a shorter one"));
  }
  address.path = path;
  return address;
}

bool SetV4(const std::string& host, uint16_t port, ListenAddress* address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &where.sin_addr) != 1) return false;
  std::memcpy(&address->address, &where, sizeof where);
  address->address_size = sizeof where;
  return true;
}

bool SetV6(const std::string& host, uint16_t port, ListenAddress* address) {
  sockaddr_in6 where{};
  where.sin6_family = AF_INET6;
  where.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, host.c_str(), &where.sin6_addr) != 1) return false;
  std::memcpy(&address->address, &where, sizeof where);
  address->address_size = sizeof where;
  return true;
}

}  // namespace

std::string ListenAddress::ToString() const {
  if (is_unix()) return base::StrCat("unix://", path);
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    sockaddr_in where{};
    std::memcpy(&where, &address, sizeof where);
    ::inet_ntop(AF_INET, &where.sin_addr, host, sizeof host);
    return base::StrCat(host, ":", ntohs(where.sin_port));
  }
  sockaddr_in6 where{};
  std::memcpy(&where, &address, sizeof where);
  ::inet_ntop(AF_INET6, &where.sin6_addr, host, sizeof host);
  return base::StrCat("[", host, "]:", ntohs(where.sin6_port));
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  if (text.empty()) return Wrong("\"\"", "empty");
  std::string_view rest = text;
  if (base::ConsumePrefix(&rest, "unix:")) return UnixAddress(text, rest);
  if (rest.starts_with('/')) {
    return absl::InvalidArgumentError(
        base::StrCat("--listen ", text, ": a path without its scheme; give unix://", text));
  }
  if (base::StrContains(rest, "://")) return Wrong(text, "not a scheme that is served");

  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Wrong(text, "no port");
  uint16_t port = 0;
  if (!base::SimpleAtoi(rest.substr(colon + 1), &port)) {
    return Wrong(text, "the port is no number from 0 to 65535");
  }
  const std::string_view host = rest.substr(0, colon);
  ListenAddress address;
  // One socket for both families; a node without IPv6 gets 0.0.0.0 when it is bound.
  if (host.empty()) {
    SetV6("::", port, &address);
    return address;
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    if (SetV6(std::string(host.substr(1, host.size() - 2)), port, &address)) return address;
    return Wrong(text, "not an IPv6 address in the brackets");
  }
  if (base::StrContains(host, ":")) return Wrong(text, "an IPv6 address needs brackets");
  if (SetV4(host == "localhost" ? "127.0.0.1" : std::string(host), port, &address)) return address;
  return Wrong(text, "the host is no address, and names are not looked up");
}

}  // namespace oomtrail::api
