#include "agent/attribute/kubelet_url.h"

#include <arpa/inet.h>

#include <algorithm>

#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

constexpr size_t kMaxUrlBytes = 2048;

absl::Status Refuse(std::string_view flag, std::string_view why) {
  return absl::InvalidArgumentError(
      base::StrCat("--kubelet-url ", flag, ": ", why,
                   "; give the kubelet's address, such as https://192.0.2.1:10250"));
}

bool IsPlain(char c) { return c > 0x20 && c < 0x7f; }

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool IsIpv6(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// Takes the host off the front of `rest`. Without brackets the last colon is the port's: in a pod's
// manifest, https://$(NODE_IP):10250 has to do for both families.
std::string TakeHost(std::string_view& rest) {
  std::string_view host;
  if (base::ConsumePrefix(&rest, "[")) {
    host = rest.substr(0, rest.find(']'));
    rest.remove_prefix(host.size());
    if (!base::ConsumePrefix(&rest, "]")) host = {};
  } else {
    host = rest.substr(0, rest.rfind(':'));
    rest.remove_prefix(host.size());
  }
  return std::string(host);
}

}  // namespace

std::string KubeletUrl::HostAndPort() const {
  const bool brackets = base::StrContains(host, ":");
  return base::StrCat(brackets ? "[" : "", host, brackets ? "]:" : ":", port);
}

std::string KubeletUrl::Text() const {
  return base::StrCat(tls ? "https://" : "http://", HostAndPort(), path);
}

absl::StatusOr<KubeletUrl> ParseKubeletUrl(std::string_view flag) {
  KubeletUrl url;
  std::string_view rest = flag;
  if (rest.size() > kMaxUrlBytes) return Refuse(rest.substr(0, 64), "is too long");
  if (!std::all_of(rest.begin(), rest.end(), IsPlain)) {
    return Refuse(flag, "holds a space or a byte that is not ASCII");
  }
  if (base::ConsumePrefix(&rest, "http://")) {
    url.tls = false;
  } else if (!base::ConsumePrefix(&rest, "https://")) {
    return Refuse(flag, "does not begin with https://");
  }
  if (rest.find_first_of("@?#") != std::string_view::npos) {
    return Refuse(flag, "may hold no user, query or fragment");
  }
  const bool brackets = rest.starts_with("[");
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view path = rest.substr(slash);
  rest = rest.substr(0, slash);

  url.host = TakeHost(rest);
  if (url.host.empty()) return Refuse(flag, "names no host");
  if (!brackets && base::StrContains(url.host, ":") && !IsIpv6(url.host)) {
    return Refuse(flag, "has no valid port (an IPv6 address without one stands in brackets)");
  }
  if (base::ConsumePrefix(&rest, ":")) {
    uint32_t port = 0;
    if (!base::SimpleAtoi(rest, &port) || port == 0 || port > 65535) {
      return Refuse(flag, "has no valid port");
    }
    url.port = static_cast<uint16_t>(port);
  } else if (!rest.empty()) {
    return Refuse(flag, "has no valid port");
  }
  if (!url.tls && !IsLoopback(url.host)) {
    return Refuse(flag, "plain http would show the token to the network");
  }
  while (base::ConsumeSuffix(&path, "/")) {
  }
  base::ConsumeSuffix(&path, "/pods");
  url.path = base::StrCat(path, "/pods");
  return url;
}

}  // namespace oomtrail::attribute
