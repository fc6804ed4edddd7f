#include "tests/scenarios/cgroups.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::scenarios {
namespace {

constexpr size_t kMaxFileBytes = 64 * 1024;

bool IsMountOf(const std::string& path, long magic) {
  struct statfs found {};
  return ::statfs(path.c_str(), &found) == 0 && found.f_type == magic;
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// The kernel empties a cgroup a moment after its last process has been reaped: there is no event to
// wait for on v1, so removal is tried again, for a bounded time.
void RemoveDirectory(const std::string& directory) {
  constexpr int kTries = 500;
  for (int i = 0; i < kTries; ++i) {
    if (::rmdir(directory.c_str()) == 0 || errno != EBUSY) return;
    const auto procs = base::ReadFile(directory + "/cgroup.procs", kMaxFileBytes);
    if (procs.ok()) {
      for (const std::string_view line : base::StrSplit(*procs, '\n')) {
        pid_t pid = 0;
        if (base::SimpleAtoi(line, &pid) && pid > 0) ::kill(pid, SIGKILL);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

absl::Status WriteFile(const std::string& path, std::string_view text) {
  base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", path));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return base::ErrnoStatus(errno, base::StrCat("write \"", text, "\" to ", path));
  }
  return absl::OkStatus();
}

CgroupTree::CgroupTree(std::string mount, int version)
    : mount_(std::move(mount)),
      version_(version),
      top_(base::StrCat("/oomtrail-scenarios-", ::getpid())),
      top_slice_(base::StrCat("/oomtrail", ::getpid(), ".slice")) {}

CgroupTree::~CgroupTree() { RemoveAll(); }

absl::StatusOr<CgroupTree> CgroupTree::Open(const std::string& root) {
  const std::string v1 = root + "/memory";
  if (IsMountOf(v1, CGROUP_SUPER_MAGIC) && Exists(v1 + "/memory.limit_in_bytes")) {
    return CgroupTree(v1, 1);
  }
  for (const std::string& v2 : {root, root + "/unified"}) {
    if (!IsMountOf(v2, CGROUP2_SUPER_MAGIC)) continue;
    const auto passed_on = base::ReadFile(v2 + "/cgroup.subtree_control", kMaxFileBytes);
    if (passed_on.ok() && base::StrContains(*passed_on, "memory")) return CgroupTree(v2, 2);
  }
  return absl::FailedPreconditionError(base::StrCat(
      root, " holds no memory controller (v2: echo +memory > cgroup.subtree_control)"));
}

bool CgroupTree::IsOurs(const std::string& path) const {
  return path.starts_with(top_ + "/") || path.starts_with(top_slice_ + "/");
}

absl::StatusOr<Cgroup> CgroupTree::Make(const std::string& path) {
  Cgroup cgroup{.path = "", .directory = mount_};
  for (const std::string_view name : base::StrSplit(path, '/')) {
    if (name.empty()) continue;
    if (version_ == 2 && !cgroup.path.empty()) {
      RETURN_IF_ERROR(WriteFile(cgroup.directory + "/cgroup.subtree_control", "+memory"));
    }
    base::StrAppend(&cgroup.path, "/", name);
    base::StrAppend(&cgroup.directory, "/", name);
    if (::mkdir(cgroup.directory.c_str(), 0755) == 0) {
      made_.push_back(cgroup.directory);
    } else if (errno != EEXIST) {
      return base::ErrnoStatus(errno, base::StrCat("make the cgroup ", cgroup.directory));
    }
  }
  struct stat found {};
  if (::stat(cgroup.directory.c_str(), &found) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("stat ", cgroup.directory));
  }
  cgroup.inode = found.st_ino;
  return cgroup;
}

absl::Status CgroupTree::Limit(const Cgroup& cgroup, uint64_t bytes) const {
  const std::string text = base::StrCat(bytes);
  const bool v1 = version_ == 1;
  RETURN_IF_ERROR(
      WriteFile(cgroup.directory + (v1 ? "/memory.limit_in_bytes" : "/memory.max"), text));
  const std::string swap =
      cgroup.directory + (v1 ? "/memory.memsw.limit_in_bytes" : "/memory.swap.max");
  if (!Exists(swap)) return absl::OkStatus();
  return WriteFile(swap, v1 ? text : "0");
}

absl::Status CgroupTree::Enter(const Cgroup& cgroup, pid_t pid) const {
  return WriteFile(cgroup.directory + "/cgroup.procs", base::StrCat(pid));
}

std::optional<uint64_t> CgroupTree::Count(const Cgroup& cgroup, std::string_view key) const {
  const char* file = version_ == 2 ? "/memory.events.local" : "/memory.oom_control";
  const auto content = base::ReadFile(cgroup.directory + file, kMaxFileBytes);
  if (!content.ok()) return std::nullopt;
  for (std::string_view line : base::StrSplit(*content, '\n')) {
    uint64_t value = 0;
    if (base::ConsumePrefix(&line, base::StrCat(key, " ")) && base::SimpleAtoi(line, &value)) {
      return value;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> CgroupTree::OomKills(const Cgroup& cgroup) const {
  return Count(cgroup, "oom_kill");
}

uint64_t CgroupTree::GroupKills(const Cgroup& cgroup) const {
  return Count(cgroup, "oom_group_kill").value_or(0);
}

void CgroupTree::Remove(const Cgroup& cgroup) {
  RemoveDirectory(cgroup.directory);
  std::erase(made_, cgroup.directory);
}

void CgroupTree::RemoveAll() {
  for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) {
    RemoveDirectory(*directory);
  }
  made_.clear();
}

}  // namespace oomtrail::scenarios
