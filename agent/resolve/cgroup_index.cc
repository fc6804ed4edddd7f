#include "agent/resolve/cgroup_index.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <vector>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::resolve {
namespace {

// Deeper than any cgroup the kernel's own PATH_MAX-bound paths can name in practice; ends a loop.
constexpr int kMaxDepth = 128;

// A kernfs file handle is the node's id (include/linux/exportfs.h: FILEID_KERNFS).
constexpr int kKernfsHandleType = 0xfe;

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using UniqueDirectory = std::unique_ptr<DIR, DirectoryCloser>;

// The path of an open directory; empty where it cannot be told.
std::string PathOfFd(int fd) {
  char target[PATH_MAX];
  const std::string link = base::StrCat("/proc/self/fd/", fd);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  if (length <= 0 || static_cast<size_t>(length) == sizeof target) return "";
  return std::string(target, static_cast<size_t>(length));
}

}  // namespace

CgroupIndex::CgroupIndex(CgroupMount mount, const base::Clock& clock)
    : mount_(std::move(mount)),
      clock_(clock),
      mount_fd_(::open(mount_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      mount_path_(PathOfFd(mount_fd_.get())) {
  struct stat found {};
  if (mount_fd_.ok() && ::fstat(mount_fd_.get(), &found) == 0) root_ = {found.st_ino};
}

absl::Status CgroupIndex::Walk() {
  base::UniqueFd fd(::open(mount_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return base::ErrnoStatus(errno, base::StrCat("walk ", mount_.directory));
  ++walk_;
  overflow_ = false;
  behind_ = false;
  Put(root_, {}, "");
  WalkDirectory(fd.Release(), root_, 0);
  if (overflow_) {
    return absl::ResourceExhaustedError(
        base::StrCat(mount_.directory, " holds more than ", kMaxCgroups, " cgroups"));
  }
  for (auto& [id, node] : nodes_) {
    if (node.walk != walk_ && node.removed_ns == 0) Bury(id, node);
  }
  return absl::OkStatus();
}

void CgroupIndex::WalkDirectory(int fd, model::CgroupId id, int depth) {
  UniqueDirectory directory(::fdopendir(fd));
  if (directory == nullptr) {
    ::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    const model::CgroupId child{entry->d_ino};
    if (nodes_.size() >= kMaxCgroups && !nodes_.contains(child)) {
      overflow_ = true;
      return;
    }
    Put(child, id, name);
    if (depth >= kMaxDepth) continue;
    const int next = ::openat(::dirfd(directory.get()), entry->d_name,
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next >= 0) WalkDirectory(next, child, depth + 1);  // else: gone meanwhile
  }
}

void CgroupIndex::Put(model::CgroupId id, model::CgroupId parent, std::string_view name) {
  const auto [at, is_new] = nodes_.try_emplace(id);
  Node& node = at->second;
  node.walk = walk_;
  if (!is_new && node.removed_ns == 0 && node.parent == parent && node.name == name) return;
  node.parent = parent;
  node.name = std::string(name);
  node.removed_ns = 0;
  ++generation_;
}

void CgroupIndex::Bury(model::CgroupId id, Node& node) {
  node.removed_ns = std::max<uint64_t>(clock_.BootNanos(), 1);  // a replay's clock may stand at 0
  tombstones_.emplace_back(node.removed_ns, id);
  ++generation_;
}

void CgroupIndex::Apply(const model::CgroupChange& change) {
  const auto found = nodes_.find(change.id);
  if (change.kind == model::CgroupChange::Kind::kRemoved) {
    if (found != nodes_.end() && found->second.removed_ns == 0) Bury(change.id, found->second);
    return;
  }
  if (nodes_.size() >= kMaxCgroups && found == nodes_.end()) return;  // found by handle instead
  if (change.parent.known() && !change.name.empty()) {
    Put(change.id, change.parent, change.name);
    return;
  }
  // Only the id came: the names must be had while the cgroup lives. A walk may have had them
  // already.
  if (found != nodes_.end()) {
    if (change.kind == model::CgroupChange::Kind::kMade) return;
    nodes_.erase(found);
    ++generation_;
  }
  if (!PathOf(change.id)) behind_ = true;
}

std::optional<std::string> CgroupIndex::PathFromNodes(model::CgroupId id) const {
  std::vector<std::string_view> names;
  for (int depth = 0; depth <= kMaxDepth; ++depth) {
    if (id == root_) {
      std::string path;
      for (auto name = names.rbegin(); name != names.rend(); ++name)
        base::StrAppend(&path, "/", *name);
      return path.empty() ? "/" : path;
    }
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return std::nullopt;
    names.push_back(found->second.name);
    id = found->second.parent;
  }
  return std::nullopt;
}

std::optional<std::string> CgroupIndex::PathFromHandle(model::CgroupId id) const {
  alignas(file_handle) char buffer[sizeof(file_handle) + sizeof(uint64_t)] = {};
  auto* handle = reinterpret_cast<file_handle*>(buffer);
  handle->handle_bytes = sizeof(uint64_t);
  handle->handle_type = kKernfsHandleType;
  std::memcpy(handle->f_handle, &id.value, sizeof id.value);
  base::UniqueFd fd(::open_by_handle_at(mount_fd_.get(), handle, O_PATH | O_CLOEXEC));
  if (!fd.ok()) return std::nullopt;
  const std::string found = PathOfFd(fd.get());
  std::string_view path = found;
  if (found.empty() || mount_path_.empty() || path.ends_with(" (deleted)") ||
      !base::ConsumePrefix(&path, mount_path_)) {
    return std::nullopt;
  }
  if (path.empty()) return "/";
  if (path.front() != '/') return std::nullopt;
  return std::string(path);
}

std::optional<std::string> CgroupIndex::PathOf(model::CgroupId id) {
  if (!id.known()) return std::nullopt;
  if (auto path = PathFromNodes(id)) return path;
  auto path = PathFromHandle(id);
  if (path) Remember(id, *path);
  return path;
}

// It may be gone the next time, and so may those above it.
void CgroupIndex::Remember(model::CgroupId id, const std::string& path) {
  if (path == "/" || nodes_.size() >= kMaxCgroups || PathFromNodes(id)) return;
  const size_t slash = path.rfind('/');
  const std::string above = path.substr(0, slash);
  struct stat parent {};
  if (::stat(mount_.DirectoryOf(above).c_str(), &parent) != 0) return;
  Put(id, {parent.st_ino}, std::string_view(path).substr(slash + 1));
  Remember({parent.st_ino}, above.empty() ? "/" : above);
}

void CgroupIndex::ForEach(
    const std::function<void(model::CgroupId, const std::string&)>& visit) const {
  for (const auto& [id, node] : nodes_) {
    if (node.removed_ns != 0) continue;
    if (const auto path = PathFromNodes(id)) visit(id, *path);
  }
}

void CgroupIndex::Expire() {
  const uint64_t now = clock_.BootNanos();
  while (!tombstones_.empty() && now - tombstones_.front().first > kTombstoneNs) {
    const auto [removed_ns, id] = tombstones_.front();
    tombstones_.pop_front();
    const auto found = nodes_.find(id);
    // An id that came back is alive and keeps its node.
    if (found != nodes_.end() && found->second.removed_ns == removed_ns) nodes_.erase(found);
  }
}

}  // namespace oomtrail::resolve
