// The socket behind --http-listen. Called once, by the thread that starts the server.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

struct HttpListener {
  base::UniqueFd socket;  // listening, non-blocking
  std::string address;    // where it listens, with the real port: "127.0.0.1:9464"
  int port = 0;
};

// "127.0.0.1:9464", "[::1]:9464", or ":9464" for every address of the machine, IPv4 and IPv6; port
// 0 is any that is free. The error is one line and names the remedy: INVALID_ARGUMENT for what is
// no address, else what the kernel said.
//
// CheckHttpAddress says the former without opening anything.
absl::Status CheckHttpAddress(const std::string& address);

// The kernel keeps what a client does not take for no longer than `patience`, even after the
// connection was closed.
absl::StatusOr<HttpListener> OpenHttpListener(const std::string& address,
                                              std::chrono::milliseconds patience);

}  // namespace oomtrail::api
