// A client of the HTTP server that says exactly the bytes it is told to. Every wait has an end, far
// beyond what a test expects, so that a server that hangs fails the test instead of holding it up.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

inline constexpr int kPatienceMs = 20'000;

class HttpClient {
 public:
  explicit HttpClient(int port, int receive_buffer_bytes = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer_bytes > 0) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    }
    Connect(port);
  }

  enum IPv6 { kIPv6 };
  HttpClient(int port, IPv6) : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = ::htons(static_cast<uint16_t>(port));
    address.sin6_addr = in6addr_loopback;
    connected_ = ::connect(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  // Over a socket that was made before.
  HttpClient(int port, base::UniqueFd socket) : socket_(std::move(socket)) { Connect(port); }

  bool connected() const { return connected_; }
  int fd() const { return socket_.get(); }

  // Whether all of it could be sent.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  void HalfClose() { ::shutdown(fd(), SHUT_WR); }

  bool Readable(int timeout_ms) const {
    pollfd readable{fd(), POLLIN, 0};
    return ::poll(&readable, 1, timeout_ms) > 0;
  }

  // What comes until the server hangs up.
  std::string ReadAll() {
    std::string all;
    char buffer[16384];
    while (Readable(kPatienceMs)) {
      const ssize_t got = ::recv(fd(), buffer, sizeof buffer, 0);
      reset_ = got < 0;
      ended_ = got <= 0;
      if (got <= 0) return all;
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }

  bool ended() const { return ended_; }  // the server hung up
  bool reset() const { return reset_; }  // and not in good order

 private:
  void Connect(int port) {
    const timeval patience{kPatienceMs / 1000, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // connecting, too
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  base::UniqueFd socket_;
  bool connected_ = false;
  bool ended_ = false;
  bool reset_ = false;
};

// The whole answer to these bytes.
inline std::string Ask(int port, std::string_view bytes) {
  HttpClient client(port);
  client.Send(bytes);
  return client.ReadAll();
}

inline std::string Get(std::string_view path) {
  return base::StrCat("GET ", path, " HTTP/1.1\r\nHost: node\r\n\r\n");
}

inline std::string FirstLine(std::string_view answer) {
  return std::string(answer.substr(0, answer.find("\r\n")));
}

inline std::string Body(std::string_view answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(answer.substr(end + 4));
}

}  // namespace oomtrail::api
