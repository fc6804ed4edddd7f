#include "agent/cli/event_loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/base/status.h"

namespace oomtrail::cli {

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.ok()) return base::ErrnoStatus(errno, "epoll_create");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

absl::Status EventLoop::Watch(int fd, std::function<void()> ready) {
  handlers_.push_back(std::make_unique<std::function<void()>>(std::move(ready)));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = handlers_.back().get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return base::ErrnoStatus(errno, "epoll_ctl");
  }
  return absl::OkStatus();
}

absl::Status EventLoop::Every(uint64_t period_ns, std::function<void()> tick) {
  base::UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.ok()) return base::ErrnoStatus(errno, "timerfd_create");
  constexpr uint64_t kNanosPerSecond = 1'000'000'000;
  timespec period{};
  period.tv_sec = static_cast<time_t>(period_ns / kNanosPerSecond);
  period.tv_nsec = static_cast<long>(period_ns % kNanosPerSecond);
  const itimerspec spec{.it_interval = period, .it_value = period};
  if (::timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) {
    return base::ErrnoStatus(errno, "timerfd_settime");
  }
  const int fd = timer.get();
  owned_.push_back(std::move(timer));
  return Watch(fd, [fd, tick = std::move(tick)] {
    uint64_t expirations = 0;
    if (::read(fd, &expirations, sizeof expirations) > 0) tick();
  });
}

absl::Status EventLoop::StopAtSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
    return base::ErrnoStatus(error, "block SIGTERM");
  }
  base::UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.ok()) return base::ErrnoStatus(errno, "signalfd");
  const int watched = fd.get();
  owned_.push_back(std::move(fd));
  return Watch(watched, [this] { Stop(); });
}

void EventLoop::Run(const std::function<void()>& idle) {
  while (running_) {
    constexpr int kMaxEvents = 16;
    epoll_event events[kMaxEvents];
    const int ready = ::epoll_wait(epoll_.get(), events, kMaxEvents, -1);
    for (int i = 0; i < ready; ++i) (*static_cast<std::function<void()>*>(events[i].data.ptr))();
    idle();
  }
}

}  // namespace oomtrail::cli
