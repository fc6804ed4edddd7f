#include "agent/kernel/pins.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "bpf/events.h"

namespace oomtrail::kernel {
namespace {

constexpr std::string_view kLinkPrefix = "link_";
constexpr std::string_view kNextPrefix = "next_link_";

absl::Status MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::ErrnoStatus(errno, base::StrCat("make the pin directory ", path));
  }
  return absl::OkStatus();
}

std::vector<std::string> EntriesOf(const std::string& path) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

absl::Status CheckBpffs(const std::string& path, std::string_view remedy) {
  struct statfs found {};
  if (::statfs(path.c_str(), &found) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("look at ", path, " for pins"));
  }
  if (static_cast<unsigned long>(found.f_type) == BPF_FS_MAGIC) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat(path, " is not a bpffs", remedy));
}

// Links, and maps, whose names all begin so (bpf/maps.bpf.h).
bool IsOurs(std::string_view name) {
  return name.starts_with(kLinkPrefix) || name.starts_with(kNextPrefix) || name.starts_with("ot_");
}

absl::Status NotOurs(const std::string& path) {
  return absl::InvalidArgumentError(base::StrCat(
      path, " is no pin of an agent's: nothing was removed (is --pin the directory?)"));
}

absl::Status Remove(int (*remove)(const char*), const std::string& path) {
  if (remove(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return base::ErrnoStatus(errno, base::StrCat("remove ", path));
}

}  // namespace

absl::StatusOr<size_t> RemovePins(const std::string& parent) {
  if (::access(parent.c_str(), F_OK) != 0) return 0;
  RETURN_IF_ERROR(CheckBpffs(parent, ": nothing was removed (is --pin the directory?)"));
  std::vector<std::string> directories;
  std::vector<std::string> pins;
  for (const std::string& layout : EntriesOf(parent)) {
    const std::string& directory = directories.emplace_back(base::StrCat(parent, "/", layout));
    int abi = 0;
    if (!base::SimpleAtoi(layout, &abi)) return NotOurs(directory);
    for (const std::string& name : EntriesOf(directory)) {
      const std::string& pin = pins.emplace_back(base::StrCat(directory, "/", name));
      if (!IsOurs(name)) return NotOurs(pin);
    }
  }
  for (const std::string& pin : pins) RETURN_IF_ERROR(Remove(&::unlink, pin));
  for (const std::string& directory : directories) RETURN_IF_ERROR(Remove(&::rmdir, directory));
  RETURN_IF_ERROR(Remove(&::rmdir, parent));
  return pins.size();
}

absl::StatusOr<PinDirectory> PinDirectory::Open(const std::string& parent) {
  // The parent itself may be ours to make; the file system above it must be a bpffs.
  const std::string above = parent.substr(0, std::max<size_t>(parent.rfind('/'), 1));
  RETURN_IF_ERROR(
      CheckBpffs(above, base::StrCat(" (mount -t bpf bpf ", above, ", or --pin none)")));
  const std::string path = base::StrCat(parent, "/", OOMTRAIL_ABI);
  RETURN_IF_ERROR(MakeDirectory(parent));
  RETURN_IF_ERROR(MakeDirectory(path));
  base::UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::ErrnoStatus(errno, base::StrCat("lock ", path));
    return absl::FailedPreconditionError(base::StrCat(
        path, " is held by another agent on this node (stop it, or use another --pin)"));
  }
  return PinDirectory(path, std::move(lock));
}

absl::Status PinDirectory::ReplaceLink(bpf_link* link, const std::string& name) const {
  const std::string path = PathOf(base::StrCat(kLinkPrefix, name));
  // A bpffs refuses names with a dot (EPERM).
  const std::string next = PathOf(base::StrCat(kNextPrefix, name));
  ::unlink(next.c_str());
  if (const int error = bpf_link__pin(link, next.c_str()); error != 0) {
    return base::ErrnoStatus(-error, base::StrCat("pin ", path));
  }
  if (::rename(next.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(next.c_str());
    return base::ErrnoStatus(error, base::StrCat("rename the pin ", next));
  }
  return absl::OkStatus();
}

void PinDirectory::RemoveLinksExcept(const std::vector<std::string>& keep) const {
  for (const std::string& entry : EntriesOf(path_)) {
    if (!entry.starts_with(kLinkPrefix)) continue;
    const std::string name = entry.substr(kLinkPrefix.size());
    if (std::find(keep.begin(), keep.end(), name) == keep.end()) ::unlink(PathOf(entry).c_str());
  }
}

void PinDirectory::RemoveAll() const {
  for (const std::string& entry : EntriesOf(path_)) ::unlink(PathOf(entry).c_str());
}

}  // namespace oomtrail::kernel
