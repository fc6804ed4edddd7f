#include "agent/cli/kill_here.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "agent/cli/client_session.h"

namespace oomtrail::cli {
namespace {

constexpr uint64_t kMiB = 1ULL << 20;
// More than a demonstration needs: somebody mistook the machine for a container.
constexpr uint64_t kMostBytes = 1024 * kMiB;
// cgroup v1 says "no limit" by a number of this order.
constexpr uint64_t kUnlimitedBytes = 1ULL << 62;

int Fail(const absl::Status& status, int code) {
  Say(std::string_view(status.message().data(), status.message().size()));
  return code;
}

// The path of this process's memory cgroup, "" for the mount's root.
std::string OwnPath(const resolve::CgroupMount& mount, const std::string& proc_root) {
  constexpr size_t kMaxBytes = 64UL * 1024;
  const auto table = base::ReadFile(proc_root + "/self/cgroup", kMaxBytes);
  if (!table.ok()) return "";
  for (const std::string_view line : base::StrSplit(*table, '\n')) {
    const std::vector<std::string_view> fields = base::StrSplit(line, ':', 3);
    uint32_t hierarchy = 0;
    if (fields.size() != 3 || !base::SimpleAtoi(fields[0], &hierarchy)) continue;
    if (hierarchy == mount.hierarchy && fields[2].size() > 1) return std::string(fields[2]);
  }
  return "";
}

std::optional<uint64_t> LimitOf(const resolve::CgroupMount& mount, const std::string& path) {
  constexpr size_t kMaxBytes = 64;
  const char* file = mount.version == 2 ? "/memory.max" : "/memory.limit_in_bytes";
  const auto text = base::ReadFile(mount.DirectoryOf(path) + file, kMaxBytes);
  uint64_t bytes = 0;
  // "max" is no number.
  if (!text.ok() || !base::SimpleAtoi(base::StripSuffix(*text, "\n"), &bytes)) return std::nullopt;
  if (bytes >= kUnlimitedBytes) return std::nullopt;
  return bytes;
}

std::string InMiB(uint64_t bytes) {
  return absl::StrFormat("%.1fMiB", static_cast<double>(bytes) / static_cast<double>(kMiB));
}

// False where the file was there: this has been done.
absl::StatusOr<bool> MakeOnce(const std::string& file) {
  const base::UniqueFd made(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (made.ok()) return true;
  if (errno == EEXIST) return false;
  return base::ErrnoStatus(errno, base::StrCat("--once ", file));
}

absl::StatusOr<uint64_t> CheckedLimit(const HereOptions& options) {
  ASSIGN_OR_RETURN(const auto mount,
                   resolve::FindMemoryCgroups(options.cgroup_root, options.proc_root));
  ASSIGN_OR_RETURN(const uint64_t limit, OwnMemoryLimit(mount, options.proc_root));
  if (limit <= kMostBytes) return limit;
  return absl::FailedPreconditionError(
      base::StrCat("--here: this process may use ", InMiB(limit), ": more than the ",
                   InMiB(kMostBytes), " that a demonstration fills; give the container less"));
}

// Returns only where nobody stops it.
absl::Status Fill(uint64_t bytes) {
  for (uint64_t filled = 0; filled < bytes; filled += kMiB) {
    void* chunk = ::mmap(nullptr, kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) return base::ErrnoStatus(errno, "--here: take memory");
    std::memset(chunk, 'x', kMiB);
  }
  return absl::DeadlineExceededError(base::StrCat(
      "--here: took ", InMiB(bytes), " and was not killed: is there swap for this container?"));
}

}  // namespace

absl::StatusOr<uint64_t> OwnMemoryLimit(const resolve::CgroupMount& mount,
                                        const std::string& proc_root) {
  std::string path = OwnPath(mount, proc_root);
  // In a container the runtime's mount begins at the container's own cgroup, while on v1 /proc
  // names it from the host's root.
  if (::access(mount.DirectoryOf(path).c_str(), F_OK) != 0) path.clear();
  std::optional<uint64_t> least;
  while (true) {
    if (const auto limit = LimitOf(mount, path)) least = std::min(*limit, least.value_or(*limit));
    if (path.empty()) break;
    path.resize(path.rfind('/'));
  }
  if (least) return *least;
  return absl::NotFoundError(
      "--here: no memory limit holds this process, and it would take all of the machine's memory; "
      "run it in a container that has one (resources.limits.memory)");
}

int RunDemoHere(const HereOptions& options) {
  const auto limit = CheckedLimit(options);
  if (!limit.ok()) return Fail(limit.status(), kExitUsage);
  if (!options.once_file.empty()) {
    const auto first = MakeOnce(options.once_file);
    if (!first.ok()) return Fail(first.status(), kExitUsage);
    if (!*first) {
      Say(base::StrCat(options.once_file, " is there: this was done before"));
      return kExitOk;
    }
  }
  Say(base::StrCat("filling ", InMiB(*limit), " until the kernel kills this process"));
  ::prctl(PR_SET_NAME, "memory-hog");
  // Past the limit by as much again: what is swapped out does not count against it.
  return Fail(Fill(2 * *limit + 16 * kMiB), kExitFailed);
}

}  // namespace oomtrail::cli
