#include "agent/api/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

// What an epoll event is about, in the upper half of its 64 bits; the lower is a number.
enum Source : uint64_t { kStop = 0, kDoor = 1, kConnection = 2 };

uint64_t Tag(Source source, int number) {
  return static_cast<uint64_t>(source) << 32 | static_cast<uint32_t>(number);
}

// From one listener at a time, so that a flood of one does not keep the others waiting.
constexpr int kAcceptBatch = 32;
// After the system has run out of descriptors or memory: callers wait in the backlog meanwhile.
constexpr std::chrono::milliseconds kPause{100};
// How soon gRPC is asked whether it has closed what has hung up; doubled up to the longest.
constexpr std::chrono::milliseconds kFirstReap{5};
constexpr std::chrono::milliseconds kLongestReap{1000};

absl::Status Watch(int epoll, int fd, uint32_t events, uint64_t tag) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    return base::ErrnoStatus(errno, "epoll_ctl");
  }
  return absl::OkStatus();
}

bool OutOfResources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(std::vector<Door> doors, size_t max_connections)
    : doors_(std::move(doors)), max_connections_(max_connections), max_tcp_(max_connections) {
  const bool any_unix = std::ranges::any_of(
      doors_, [](const Door& door) { return door.listener.address().is_unix(); });
  if (any_unix) max_tcp_ -= max_connections / 8;
}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Start(std::vector<Door> doors,
                                                          size_t max_connections) {
  std::unique_ptr<Acceptor> acceptor(new Acceptor(std::move(doors), max_connections));
  RETURN_IF_ERROR(acceptor->Prepare());
  acceptor->thread_ = std::thread([raw = acceptor.get()] { raw->Run(); });
  return acceptor;
}

absl::Status Acceptor::Prepare() {
  epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.ok()) return base::ErrnoStatus(errno, "epoll_create1");
  stop_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_.ok()) return base::ErrnoStatus(errno, "eventfd");
  RETURN_IF_ERROR(Watch(epoll_.get(), stop_.get(), EPOLLIN, Tag(kStop, 0)));
  for (size_t i = 0; i < doors_.size(); ++i) {
    RETURN_IF_ERROR(
        Watch(epoll_.get(), doors_[i].listener.fd(), EPOLLIN, Tag(kDoor, static_cast<int>(i))));
  }
  return absl::OkStatus();
}

void Acceptor::EndConnections() {
  StopAccepting();
  for (const auto& [fd, connection] : open_) ::shutdown(fd, SHUT_RDWR);
  open_.clear();
  hung_up_.clear();
  connections_.store(0, std::memory_order_relaxed);
}

void Acceptor::StopAccepting() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
  doors_.clear();
}

Acceptor::Counts Acceptor::counts() const {
  return {.connections = connections_.load(std::memory_order_relaxed),
          .accepted = accepted_.load(std::memory_order_relaxed),
          .refused = refused_.load(std::memory_order_relaxed)};
}

int Acceptor::NextTimeoutMs() const {
  if (hung_up_.empty() && !paused_) return -1;
  auto timeout = kLongestReap;
  if (!hung_up_.empty()) timeout = reap_in_;
  if (paused_) timeout = std::min(timeout, kPause);
  return static_cast<int>(timeout.count());
}

void Acceptor::Run() {
  while (true) {
    std::array<epoll_event, 64> events;
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(), NextTimeoutMs());
    if (paused_ && std::chrono::steady_clock::now() >= paused_until_) ResumeListeners();
    for (int i = 0; i < ready; ++i) {
      const uint64_t tag = events[i].data.u64;
      const int number = static_cast<int>(tag & UINT32_MAX);
      switch (static_cast<Source>(tag >> 32)) {
        case kStop: return;
        case kDoor: Accept(static_cast<size_t>(number)); break;
        case kConnection: HungUp(number); break;
      }
    }
    Reap();
  }
}

void Acceptor::Accept(size_t door) {
  const Door& from = doors_[door];
  for (int i = 0; i < kAcceptBatch && !paused_; ++i) {
    base::UniqueFd accepted(
        ::accept4(from.listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted.ok()) {
      // All else, ECONNABORTED above all, is one caller's end and not the listener's.
      if (OutOfResources(errno)) PauseListeners();
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      continue;
    }
    // Counted before it is closed: who sees a refusal finds it counted.
    if (TryHandOver(from, accepted)) {
      accepted_.fetch_add(1, std::memory_order_relaxed);
    } else {
      refused_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

bool Acceptor::HasPlace(bool tcp) const {
  return open_.size() + hung_up_.size() < max_connections_ && (!tcp || tcp_ < max_tcp_);
}

bool Acceptor::TryHandOver(const Door& door, base::UniqueFd& accepted) {
  const bool tcp = !door.listener.address().is_unix();
  if (!HasPlace(tcp)) return false;
  base::UniqueFd duplicate(::fcntl(accepted.get(), F_DUPFD_CLOEXEC, 0));
  struct stat socket {};
  if (!duplicate.ok() || ::fstat(duplicate.get(), &socket) != 0) {
    PauseListeners();
    return false;
  }
  // No events asked for: a hang-up of both directions is always reported. The peer's half alone
  // does not end anything, gRPC still has to.
  const int key = duplicate.get();
  if (!Watch(epoll_.get(), key, 0, Tag(kConnection, key)).ok()) {
    PauseListeners();
    return false;
  }
  open_.emplace(key, Connection{.duplicate = std::move(duplicate),
                                .handed_over = accepted.get(),
                                .inode = socket.st_ino,
                                .tcp = tcp});
  tcp_ += tcp ? 1 : 0;
  connections_.fetch_add(1, std::memory_order_relaxed);
  door.hand_over(accepted.Release());
  return true;
}

void Acceptor::HungUp(int duplicate) {
  const auto found = open_.find(duplicate);
  if (found == open_.end()) return;
  // Or the hang-up would be reported without end.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, duplicate, nullptr);
  hung_up_.push_back(std::move(found->second));
  open_.erase(found);
  reap_in_ = kFirstReap;
}

void Acceptor::Reap() {
  if (hung_up_.empty()) return;
  const size_t before = hung_up_.size();
  std::erase_if(hung_up_, [this](const Connection& connection) {
    struct stat now {};
    if (::fstat(connection.handed_over, &now) == 0 && S_ISSOCK(now.st_mode) &&
        now.st_ino == connection.inode) {
      return false;
    }
    tcp_ -= connection.tcp ? 1 : 0;
    return true;
  });
  connections_.fetch_sub(before - hung_up_.size(), std::memory_order_relaxed);
  reap_in_ = std::min(reap_in_ * 2, kLongestReap);
}

void Acceptor::PauseListeners() {
  paused_until_ = std::chrono::steady_clock::now() + kPause;
  if (std::exchange(paused_, true)) return;
  for (const Door& door : doors_) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, door.listener.fd(), nullptr);
  }
}

void Acceptor::ResumeListeners() {
  paused_ = false;
  for (size_t i = 0; i < doors_.size(); ++i) {
    // Fails only for want of memory: then again after a pause.
    if (!Watch(epoll_.get(), doors_[i].listener.fd(), EPOLLIN, Tag(kDoor, static_cast<int>(i)))
             .ok()) {
      PauseListeners();
      return;
    }
  }
}

}  // namespace oomtrail::api
