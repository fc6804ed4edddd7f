#include "agent/cli/interruption.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
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
  Descriptors descriptors{
      .signals = base::UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)),
      .timer = base::UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      .raised = base::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      .stop = base::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
  if (!descriptors.signals.ok() || !descriptors.timer.ok() || !descriptors.raised.ok() ||
      !descriptors.stop.ok()) {
    return base::ErrnoStatus(errno, "signalfd");
  }
  return std::unique_ptr<Interruption>(new Interruption(output_fd, std::move(descriptors)));
}

Interruption::Interruption(int output_fd, Descriptors descriptors)
    : output_fd_(output_fd), descriptors_(std::move(descriptors)), thread_([this] { Wait(); }) {}

Interruption::~Interruption() {
  Notify(descriptors_.stop.get());
  thread_.join();
}

void Interruption::EndAfter(std::chrono::seconds duration) const {
  itimerspec when{};
  when.it_value.tv_sec = duration.count();
  ::timerfd_settime(descriptors_.timer.get(), 0, &when, nullptr);
}

bool Interruption::requested() const {
  base::MutexLock lock(mutex_);
  return requested_;
}

bool Interruption::timed_out() const {
  base::MutexLock lock(mutex_);
  return timed_out_;
}

bool Interruption::WaitFor(std::chrono::milliseconds duration) const {
  pollfd raised{.fd = descriptors_.raised.get(), .events = POLLIN};
  return ::poll(&raised, 1, static_cast<int>(duration.count())) == 0;
}

void Interruption::Raise(bool timed_out) {
  Notify(descriptors_.raised.get());
  base::MutexLock lock(mutex_);
  if (!requested_) timed_out_ = timed_out;
  requested_ = true;
  if (call_ != nullptr) call_->TryCancel();
}

void Interruption::Wait() {
  // A pipe whose reader has left polls as POLLERR, asked for or not; nothing else of a stdout does.
  pollfd fds[] = {{.fd = descriptors_.stop.get(), .events = POLLIN},
                  {.fd = descriptors_.signals.get(), .events = POLLIN},
                  {.fd = descriptors_.timer.get(), .events = POLLIN},
                  {.fd = output_fd_}};
  while (true) {
    if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      signalfd_siginfo signal{};
      if (::read(descriptors_.signals.get(), &signal, sizeof signal) == sizeof signal) {
        // Whoever asks twice is not interested in an orderly end.
        if (requested()) std::_Exit(kExitSignalled + static_cast<int>(signal.ssi_signo));
        Raise(/*timed_out=*/false);
      }
    }
    if (fds[2].revents != 0) {
      Raise(/*timed_out=*/true);
      fds[2].fd = -1;  // it rings once
    }
    if (fds[3].revents != 0) {
      if ((fds[3].revents & POLLERR) != 0) Raise(/*timed_out=*/false);
      fds[3].fd = -1;  // said once; poll would spin on it
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
