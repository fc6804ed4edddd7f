#include "agent/attribute/cri_endpoint.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

constexpr std::string_view kUsualSockets[] = {
    "/run/containerd/containerd.sock", "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",           "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",        "/var/snap/microk8s/common/run/containerd.sock",
};

constexpr std::string_view kRemedy =
    "; give --cri-endpoint the runtime's socket, such as unix:///run/containerd/containerd.sock";

// sun_path holds the path and its final zero.
constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Refuse(std::string_view what, std::string_view why) {
  return absl::InvalidArgumentError(base::StrCat("--cri-endpoint ", what, ": ", why, kRemedy));
}

}  // namespace

std::vector<std::string> DetectCriEndpoints(const std::string& root) {
  std::vector<std::string> found;
  std::vector<std::pair<dev_t, ino_t>> seen;
  for (const std::string_view socket : kUsualSockets) {
    // /var/run is /run on all but old hosts; where both lead to one socket it counts once.
    for (const std::string_view prefix : {std::string_view(), std::string_view("/var")}) {
      if (!prefix.empty() && !socket.starts_with("/run/")) continue;
      const std::string path = base::StrCat(root, prefix, socket);
      struct stat status {};
      if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) continue;
      const std::pair file(status.st_dev, status.st_ino);
      if (std::find(seen.begin(), seen.end(), file) != seen.end()) continue;
      seen.push_back(file);
      found.push_back(path);
    }
  }
  return found;
}

absl::StatusOr<std::string> ParseCriEndpoint(std::string_view flag) {
  std::string_view path = flag;
  if (path.empty()) return Refuse("\"\"", "is empty");
  if (!base::ConsumePrefix(&path, "unix://") && base::StrContains(path, "://")) {
    return Refuse(flag, "only unix sockets are supported");
  }
  if (!path.starts_with("/")) return Refuse(flag, "is not an absolute path");
  if (path.size() > kMaxSocketPath) {
    return Refuse(flag, base::StrCat("is longer than the ", kMaxSocketPath,
                                     " bytes a socket's path may have"));
  }
  // They would have a meaning of their own in gRPC's target.
  if (path.find_first_of(std::string_view("%?#\0", 4)) != std::string_view::npos) {
    return Refuse(flag, "holds one of % ? # or a zero byte");
  }
  return std::string(path);
}

absl::Status CheckCriEndpoint(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      return Refuse(path,
                    "no such file (is the runtime running, and its socket's directory "
                    "mounted into this container?)");
    }
    return Refuse(path, base::StrCat("stat: ", base::ErrnoName(error)));
  }
  if (S_ISDIR(status.st_mode)) return Refuse(path, "is a directory, not a socket");
  if (!S_ISSOCK(status.st_mode)) return Refuse(path, "is not a socket");
  return absl::OkStatus();
}

}  // namespace oomtrail::attribute
