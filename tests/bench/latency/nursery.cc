#include "tests/bench/latency/nursery.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "agent/base/status.h"

namespace oomtrail::bench {
namespace {

constexpr int kNotKilled = 97;

[[noreturn]] void FillMemory(const char* procs) {
  constexpr size_t kBytes = 64 << 20;
  constexpr size_t kPage = 4096;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "bench-hog");
  const int fd = ::open(procs, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, "0", 1) != 1) ::_exit(kNotKilled);
  void* memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(kNotKilled);
  // Small pages: a huge one fails whole and is then tried again in small ones.
  ::madvise(memory, kBytes, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < kBytes; i += kPage) static_cast<volatile char*>(memory)[i] = 'x';
  ::_exit(kNotKilled);
}

[[noreturn]] void Serve(int socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  char procs[PATH_MAX];
  while (true) {
    const ssize_t got = ::recv(socket, procs, sizeof procs - 1, 0);
    if (got <= 0) ::_exit(0);
    procs[got] = '\0';
    Nursery::Death death;
    death.pid = ::fork();
    if (death.pid == 0) FillMemory(procs);
    if (death.pid > 0) ::waitpid(death.pid, &death.status, 0);
    if (::send(socket, &death, sizeof death, MSG_NOSIGNAL) != sizeof death) ::_exit(0);
  }
}

}  // namespace

absl::StatusOr<Nursery> Nursery::Start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::ErrnoStatus(errno, "make a socket pair");
  }
  base::UniqueFd ours(ends[0]);
  base::UniqueFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return base::ErrnoStatus(errno, "fork the nursery");
  if (pid == 0) {
    ours.Reset();
    Serve(theirs.get());
  }
  return Nursery(pid, std::move(ours));
}

Nursery::Nursery(Nursery&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

Nursery::~Nursery() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // its child dies with it
  ::waitpid(pid_, nullptr, 0);
}

absl::Status Nursery::Breed(const std::string& cgroup_directory) const {
  const std::string procs = cgroup_directory + "/cgroup.procs";
  if (::send(socket_.get(), procs.data(), procs.size(), MSG_NOSIGNAL) < 0) {
    return base::ErrnoStatus(errno, "ask the nursery for a child");
  }
  return absl::OkStatus();
}

std::optional<Nursery::Death> Nursery::Take() const {
  Death death;
  if (::recv(socket_.get(), &death, sizeof death, MSG_DONTWAIT) != sizeof death) {
    return std::nullopt;
  }
  return death;
}

}  // namespace oomtrail::bench
