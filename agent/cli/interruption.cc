#include "agent/cli/interruption.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "agent/base/status.h"

namespace oomtrail::cli {
namespace {

constexpr int kExitSignalled = 128;

void Notify(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t wrote = ::write(fd, &one, sizeof one);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Interruption>> Interruption::Create(int output_fd) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
    return base::ErrnoStatus(error, "block SIGINT");
  }
  base::UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  base::UniqueFd raised(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  base::UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signal_fd.ok() || !raised.ok() || !stop.ok()) return base::ErrnoStatus(errno, "signalfd");
  return std::unique_ptr<Interruption>(
      new Interruption(output_fd, std::move(signal_fd), std::move(raised), std::move(stop)));
}

Interruption::Interruption(int output_fd, base::UniqueFd signals, base::UniqueFd raised,
                           base::UniqueFd stop)
    : output_fd_(output_fd),
      signals_(std::move(signals)),
      raised_(std::move(raised)),
      stop_(std::move(stop)),
      thread_([this] { Wait(); }) {}

Interruption::~Interruption() {
  Notify(stop_.get());
  thread_.join();
}

bool Interruption::requested() const {
  base::MutexLock lock(mutex_);
  return requested_;
}

bool Interruption::WaitFor(std::chrono::milliseconds duration) const {
  pollfd raised{.fd = raised_.get(), .events = POLLIN};
  return ::poll(&raised, 1, static_cast<int>(duration.count())) == 0;
}

void Interruption::Raise() {
  Notify(raised_.get());
  base::MutexLock lock(mutex_);
  requested_ = true;
  if (call_ != nullptr) call_->TryCancel();
}

void Interruption::Wait() {
  // A pipe whose reader has left polls as POLLERR, asked for or not; nothing else of a stdout does.
  pollfd fds[] = {{.fd = stop_.get(), .events = POLLIN},
                  {.fd = signals_.get(), .events = POLLIN},
                  {.fd = output_fd_}};
  while (true) {
    if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      signalfd_siginfo signal{};
      if (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
        // Whoever asks twice is not interested in an orderly end.
        if (requested()) std::_Exit(kExitSignalled + static_cast<int>(signal.ssi_signo));
        Raise();
      }
    }
    if (fds[2].revents != 0) {
      if ((fds[2].revents & POLLERR) != 0) Raise();
      fds[2].fd = -1;  // said once; poll would spin on it
    }
  }
}

Interruption::Call::Call(Interruption& owner, grpc::ClientContext& context) : owner_(owner) {
  base::MutexLock lock(owner_.mutex_);
  owner_.call_ = &context;
  if (owner_.requested_) context.TryCancel();
}

Interruption::Call::~Call() {
  base::MutexLock lock(owner_.mutex_);
  owner_.call_ = nullptr;
}

}  // namespace oomtrail::cli
