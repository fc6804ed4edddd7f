// Raw clients for the tests of this folder: connections that speak nothing, or not gRPC.
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "agent/api/listen_address.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

constexpr std::chrono::milliseconds kGenerous(20'000);

// Connects to an address as ListenAddress::ToString() gives it. Not ok() if refused.
inline base::UniqueFd Connect(const std::string& where) {
  const auto address = ParseListenAddress(where);
  if (!address.ok()) return base::UniqueFd();
  sockaddr_storage to = address->address;
  socklen_t size = address->address_size;
  if (address->is_unix()) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, address->path.data(), address->path.size());
    std::memcpy(&to, &un, sizeof un);
    size = sizeof un;
  }
  base::UniqueFd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) fd.Reset();
  return fd;
}

// Whether the other side ends the connection in time; what it sends before is passed over.
inline bool EndsWithin(int fd, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() < 0 || ::poll(&readable, 1, static_cast<int>(left.count())) != 1) return false;
    char bytes[512];
    if (::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) return true;
  }
}

// Asks until the answer is yes, for what announces itself in no other way.
inline bool Eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds patience = kGenerous) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline size_t OpenDescriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

}  // namespace oomtrail::api
