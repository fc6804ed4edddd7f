#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/journal/store.h"

namespace oomtrail::journal {
namespace {

// As `mkdir -p` would.
absl::Status MakeDirectories(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string prefix = path.substr(0, at);
    if (::mkdir(prefix.c_str(), 0750) != 0 && errno != EEXIST) {
      return base::ErrnoStatus(errno, base::StrCat("make ", prefix));
    }
    if (at == std::string::npos) return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<Directory> Directory::Open(const std::string& path) {
  RETURN_IF_ERROR(MakeDirectories(path));
  const std::string lock_path = path + "/lock";
  base::UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", lock_path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::ErrnoStatus(errno, base::StrCat("lock ", lock_path));
    return absl::AlreadyExistsError(
        base::StrCat(path, " is held by another agent (stop it, or use another --journal)"));
  }
  return Directory(path, std::move(lock));
}

absl::Status Directory::Quarantine() const {
  const std::string from = database();
  const std::string to = path_ + "/journal.damaged.db";
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
    return base::ErrnoStatus(errno, base::StrCat("set ", from, " aside"));
  }
  for (const char* suffix : {"-wal", "-shm"}) {
    ::unlink((to + suffix).c_str());
    // The log belongs to the file: without it, what was written last is gone from the evidence.
    ::rename((from + suffix).c_str(), (to + suffix).c_str());
  }
  return absl::OkStatus();
}

absl::Status RemoveJournal(const std::string& path) {
  for (const char* name : {"/journal.db", "/journal.damaged.db"}) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      const std::string file = base::StrCat(path, name, suffix);
      if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
        return base::ErrnoStatus(errno, base::StrCat("remove ", file));
      }
    }
  }
  ::unlink((path + "/lock").c_str());
  ::rmdir(path.c_str());  // not where it is a mount, as in a container
  return absl::OkStatus();
}

}  // namespace oomtrail::journal
