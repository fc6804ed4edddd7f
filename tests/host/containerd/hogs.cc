#include "tests/host/containerd/hogs.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::containerd {
namespace {

constexpr int kBacklog = 64;

uint64_t StartBootNanos(pid_t pid) {
  const auto stat = base::ReadFile(base::StrCat("/proc/", pid, "/stat"), 4096);
  if (!stat.ok()) return 0;
  // "pid (comm) state …": the last parenthesis ends the comm.
  const size_t end = stat->rfind(") ");
  if (end == std::string::npos) return 0;
  const auto fields = base::StrSplit(std::string_view(*stat).substr(end + 2), ' ');
  constexpr size_t kStartTime = 19;  // field 22, the first here being field 3
  uint64_t ticks = 0;
  if (fields.size() <= kStartTime || !base::SimpleAtoi(fields[kStartTime], &ticks)) return 0;
  return ticks * (1'000'000'000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

}  // namespace

void Hog::Say(std::string_view command) const {
  [[maybe_unused]] const ssize_t sent =
      ::send(line_.get(), command.data(), command.size(), MSG_NOSIGNAL);
}

void Hog::Hold(int mib) {
  holds_ = false;
  Say(base::StrCat("hold ", mib, "\n"));
}

void Hog::Fork(std::string_view name) const { Say(base::StrCat("child ", name, "\n")); }

absl::StatusOr<std::unique_ptr<Hogs>> Hogs::Listen(Watch& watch, const std::string& directory) {
  auto hogs = std::unique_ptr<Hogs>(new Hogs(watch, directory));
  if (::mkdir(directory.c_str(), 0755) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("make ", directory));
  }
  const std::string path = directory + "/socket";
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path) {
    return absl::InvalidArgumentError(base::StrCat(path, " is too long for a socket"));
  }
  path.copy(where.sun_path, path.size());
  hogs->socket_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!hogs->socket_.ok() ||
      ::bind(hogs->socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      ::chmod(path.c_str(), 0666) != 0 || ::listen(hogs->socket_.get(), kBacklog) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("listen at ", path));
  }
  watch.Add(hogs->socket_.get(), [self = hogs.get()] { self->Accept(); });
  return hogs;
}

Hogs::~Hogs() {
  if (socket_.ok()) watch_.Remove(socket_.get());
  for (const Hog& hog : hogs_) {
    if (!hog.gone_) watch_.Remove(hog.line_.get());
  }
}

void Hogs::Accept() {
  base::UniqueFd line(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!line.ok()) return;
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(line.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return;
  Hog& hog = hogs_.emplace_back();
  hog.line_ = std::move(line);
  hog.pid_ = who.pid;
  hog.uid_ = who.uid;
  hog.start_boot_ns_ = StartBootNanos(who.pid);
  watch_.Add(hog.line_.get(), [this, &hog] { Read(hog); });
}

void Hogs::Read(Hog& hog) {
  char bytes[256];
  const ssize_t got = ::read(hog.line_.get(), bytes, sizeof bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    hog.gone_ = true;
    watch_.Remove(hog.line_.get());
    hog.line_.Reset();
    return;
  }
  hog.rest_.append(bytes, static_cast<size_t>(got));
  for (size_t end = 0; (end = hog.rest_.find('\n')) != std::string::npos;
       hog.rest_.erase(0, end + 1)) {
    if (hog.name_.empty()) {
      hog.name_ = hog.rest_.substr(0, end);
    } else {
      hog.holds_ = true;
    }
  }
}

Hog* Hogs::FindNext(std::string_view name) {
  for (Hog& hog : hogs_) {
    if (!hog.awaited_ && hog.name_ == name) return &hog;
  }
  return nullptr;
}

absl::StatusOr<Hog*> Hogs::Await(std::string_view name) {
  Hog* found = nullptr;
  if (!watch_.Until([&] { return (found = FindNext(name)) != nullptr; })) {
    return absl::DeadlineExceededError(base::StrCat("no process says it is ", name));
  }
  found->awaited_ = true;
  return found;
}

}  // namespace oomtrail::containerd
