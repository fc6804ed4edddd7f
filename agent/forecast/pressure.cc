#include "agent/forecast/pressure.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "agent/base/strings.h"
#include "agent/forecast/memory_files.h"

namespace oomtrail::forecast {
namespace {

constexpr std::string_view kTrigger = "some 200000 2000000";
constexpr model::CgroupId kNode;
constexpr uint64_t kWake = UINT64_MAX;  // no cgroup's id

// Nothing is written to what is no pressure file, as --proc-root may hold any.
bool IsKernels(const base::UniqueFd& file) {
  struct statfs found {};
  return ::fstatfs(file.get(), &found) == 0 &&
         (found.f_type == PROC_SUPER_MAGIC || found.f_type == CGROUP2_SUPER_MAGIC);
}

// The kernel takes the NUL for the end of the text.
bool SetTrigger(const base::UniqueFd& file) {
  return IsKernels(file) && ::write(file.get(), kTrigger.data(), kTrigger.size() + 1) > 0;
}

}  // namespace

PressureWatch::PressureWatch(resolve::CgroupMount mount, const std::string& proc_root)
    : mount_(std::move(mount)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  node_ = Open(kNode, base::StrCat(proc_root, "/pressure/memory"), /*trigger=*/true);
}

void PressureWatch::Watch(std::span<const NearQuestion> cgroups) {
  if (mount_.version == 1) return;
  ++call_;
  for (const NearQuestion& cgroup : cgroups) {
    const auto found = watched_.find(cgroup.id);
    if (cgroup.near && found != watched_.end()) found->second.call = call_;
  }
  std::vector<model::CgroupId> dropped;
  for (const auto& [id, watched] : watched_) {
    if (watched.call != call_) dropped.push_back(id);
  }
  for (const model::CgroupId id : dropped) Drop(id);
  for (const NearQuestion& cgroup : cgroups) {
    if (!cgroup.near) continue;
    const auto [at, is_new] = watched_.try_emplace(cgroup.id);
    if (!is_new) continue;
    at->second = Open(cgroup.id, base::StrCat(mount_.directory, cgroup.path, "/memory.pressure"),
                      triggers_ < kMaxTriggers);
    at->second.call = call_;
    if (at->second.trigger) ++triggers_;
  }
}

PressureWatch::Watched PressureWatch::Open(model::CgroupId id, const std::string& path,
                                           bool trigger) {
  Watched watched;
  if (trigger && epoll_.ok()) {
    watched.file.Reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    epoll_event event{.events = EPOLLPRI, .data = {.u64 = id.value}};
    watched.trigger = watched.file.ok() && SetTrigger(watched.file) &&
                      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watched.file.get(), &event) == 0;
  }
  // A file with a trigger is read as one without.
  if (!watched.trigger) watched.file.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return watched;
}

// Closing the file takes its trigger and its place in the epoll set with it.
void PressureWatch::Drop(model::CgroupId id) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  if (found->second.trigger) --triggers_;
  watched_.erase(found);
}

std::optional<double> PressureWatch::ShareOf(const Watched& watched) {
  if (!watched.file.ok()) return std::nullopt;
  const auto text = Pread(watched.file, buffer_);
  return text ? ParseStalledShare(*text) : std::nullopt;
}

std::optional<double> PressureWatch::StalledShare(model::CgroupId id) {
  const auto found = watched_.find(id);
  return found == watched_.end() ? std::nullopt : ShareOf(found->second);
}

std::optional<double> PressureWatch::NodeStalledShare() { return ShareOf(node_); }

bool PressureWatch::WakeBy(int wake_fd) {
  if (wake_fd == wake_fd_) return true;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWake}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_fd, &event) != 0) return false;
  wake_fd_ = wake_fd;
  return true;
}

std::vector<model::CgroupId> PressureWatch::Wait(int wake_fd, int timeout_ms) {
  std::vector<model::CgroupId> stalled;
  if (!WakeBy(wake_fd)) {
    pollfd wake{.fd = wake_fd, .events = POLLIN, .revents = 0};
    ::poll(&wake, 1, timeout_ms);
    return stalled;
  }
  std::array<epoll_event, kMaxTriggers + 2> events{};
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const model::CgroupId id{event.data.u64};
    if (event.data.u64 == kWake) continue;
    if ((event.events & EPOLLERR) == 0) {
      stalled.push_back(id);
    } else if (id.known()) {
      Drop(id);  // its cgroup is gone: it would be reported for ever
    } else {
      node_.file.Reset();
    }
  }
  return stalled;
}

}  // namespace oomtrail::forecast
