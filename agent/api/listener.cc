#include "agent/api/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirectoryMode = 0755;
// Connections that wait for the acceptor: it takes them out at once, so this covers a burst.
constexpr int kBacklog = 128;
// A peer that no longer acknowledges what was sent is given up after this.
constexpr unsigned kUserTimeoutMs = 20'000;

absl::StatusOr<base::UniqueFd> MakeSocket(int family) {
  base::UniqueFd made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.ok()) return base::ErrnoStatus(errno, "socket");
  return made;
}

// The directory, made if absent, and locked: of two agents that start at once, one looks whether
// the socket is served while the other has not bound it yet.
absl::StatusOr<base::UniqueFd> LockDirectory(const std::string& directory) {
  if (::mkdir(directory.c_str(), kDirectoryMode) == 0) {
    // Whatever the umask said.
    if (::chmod(directory.c_str(), kDirectoryMode) != 0) {
      return base::ErrnoStatus(errno, base::StrCat("chmod ", directory));
    }
  } else if (errno != EEXIST) {
    return base::ErrnoStatus(errno, base::StrCat("mkdir ", directory));
  }
  base::UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", directory));
  if (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
    return base::ErrnoStatus(
        errno, base::StrCat("lock ", directory, ": is another agent starting there?"));
  }
  return opened;
}

std::string_view KindOf(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "a special file";
}

sockaddr_un SocketAddress(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.data(), path.size());
  return where;
}

// Makes way for bind(): only a socket that nobody listens on may go.
absl::Status RemoveStale(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return base::ErrnoStatus(errno, base::StrCat("stat ", path));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::FailedPreconditionError(
        base::StrCat(path, " is ", KindOf(found.st_mode),
                     ", not a socket: remove it or choose another --listen"));
  }
  ASSIGN_OR_RETURN(const base::UniqueFd probe, MakeSocket(AF_UNIX));
  const sockaddr_un where = SocketAddress(path);
  const int error =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0 ? 0
                                                                                           : errno;
  // EAGAIN: somebody listens, and has more callers than it can take.
  if (error == 0 || error == EAGAIN) {
    return absl::FailedPreconditionError(
        base::StrCat("another process serves ", path,
                     ": stop it (`ss -xlp` names it) or choose another --listen"));
  }
  // EPROTOTYPE: a datagram socket, somebody else's.
  if (error == EPROTOTYPE) {
    return absl::FailedPreconditionError(
        base::StrCat(path, " is a socket of another kind: remove it or choose another --listen"));
  }
  if (error != ECONNREFUSED) return base::ErrnoStatus(error, base::StrCat("probe ", path));
  if (::unlink(path.c_str()) != 0) return base::ErrnoStatus(errno, base::StrCat("unlink ", path));
  return absl::OkStatus();
}

std::string TcpRemedy(int error) {
  switch (error) {
    case EADDRINUSE: return "; another process listens there: `ss -ltnp` names it";
    case EADDRNOTAVAIL: return "; this node has no such address";
    case EACCES: return "; a port below 1024 needs CAP_NET_BIND_SERVICE";
    default: return "";
  }
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const ListenAddress& address) {
  absl::StatusOr<Listener> opened = address.is_unix() ? OpenUnix(address) : OpenTcp(address);
  if (!opened.ok()) {
    return base::Annotate(opened.status(), base::StrCat("--listen ", address.ToString()));
  }
  return opened;
}

absl::StatusOr<Listener> Listener::OpenUnix(const ListenAddress& address) {
  const std::string& path = address.path;
  const size_t slash = path.rfind('/');
  ASSIGN_OR_RETURN(const base::UniqueFd locked,
                   LockDirectory(slash == 0 ? "/" : path.substr(0, slash)));
  RETURN_IF_ERROR(RemoveStale(path));
  ASSIGN_OR_RETURN(base::UniqueFd bound, MakeSocket(AF_UNIX));
  // Linux gives the file the socket's own mode, less the umask: it is at no moment more open.
  if (::fchmod(bound.get(), kSocketMode) != 0) return base::ErrnoStatus(errno, "fchmod");
  const sockaddr_un where = SocketAddress(path);
  if (::bind(bound.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    return base::ErrnoStatus(errno, "bind");
  }
  // From here on the file is removed again on any way out.
  Listener listener(std::move(bound), address);
  const base::UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat made {};
  if (!file.ok() || ::fstat(file.get(), &made) != 0 || !S_ISSOCK(made.st_mode)) {
    return absl::AbortedError(base::StrCat(path, " was replaced while it was made"));
  }
  listener.device_ = made.st_dev;
  listener.inode_ = made.st_ino;
  // What the umask took. By the descriptor: the name may mean another file by now.
  if (::chmod(base::StrCat("/proc/self/fd/", file.get()).c_str(), kSocketMode) != 0) {
    return base::ErrnoStatus(errno, "chmod");
  }
  if (::listen(listener.fd(), kBacklog) != 0) return base::ErrnoStatus(errno, "listen");
  return listener;
}

absl::StatusOr<Listener> Listener::OpenTcp(const ListenAddress& wanted) {
  ListenAddress address = wanted;
  absl::StatusOr<base::UniqueFd> made = MakeSocket(address.address.ss_family);
  if (!made.ok() && address.address.ss_family == AF_INET6 &&
      address.ToString().starts_with("[::]:")) {
    // A node without IPv6: every address is then every IPv4 one.
    ASSIGN_OR_RETURN(address, ParseListenAddress(base::StrCat(
                                  "0.0.0.0", address.ToString().substr(sizeof "[::]" - 1))));
    made = MakeSocket(AF_INET);
  }
  RETURN_IF_ERROR(made.status());
  const base::UniqueFd& bound = *made;
  const int on = 1;
  const int off = 0;
  // Accepted sockets inherit the last two. gRPC sets NODELAY only where it accepts itself, and
  // without it an event waits for the acknowledgement of the one before.
  ::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(bound.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  ::setsockopt(bound.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(bound.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
  auto* where = reinterpret_cast<sockaddr*>(&address.address);
  if (::bind(bound.get(), where, address.address_size) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("bind", TcpRemedy(errno)));
  }
  if (::listen(bound.get(), kBacklog) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("listen", TcpRemedy(errno)));
  }
  if (::getsockname(bound.get(), where, &address.address_size) != 0) {
    return base::ErrnoStatus(errno, "getsockname");
  }
  return Listener(*std::move(made), address);
}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  Close();
  socket_ = std::move(other.socket_);
  address_ = std::move(other.address_);
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

void Listener::Close() {
  if (!socket_.ok()) return;
  struct stat found {};
  if (inode_ != 0 && ::lstat(address_.path.c_str(), &found) == 0 && found.st_dev == device_ &&
      found.st_ino == inode_) {
    ::unlink(address_.path.c_str());
  }
  socket_.Reset();
}

}  // namespace oomtrail::api
