// --kubelet-url, read. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace oomtrail::attribute {

struct KubeletUrl {
  bool tls = true;
  std::string host;  // a name, or an address without brackets
  uint16_t port = 10250;
  std::string path;  // where the pods are: "/pods", below the URL's own path if it has one

  std::string HostAndPort() const;  // as a Host header has it
  std::string Text() const;
};

// "https://<host>[:<port>][/<path>]". Plain http only to this machine itself: a request carries a
// token. The error is one line and names the remedy.
absl::StatusOr<KubeletUrl> ParseKubeletUrl(std::string_view flag);

}  // namespace oomtrail::attribute
