#include "agent/publish/process_stats.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::publish {
namespace {

constexpr size_t kMaxStatBytes = 4096;
constexpr uint64_t kNanosPerSecond = 1'000'000'000;
// Fields of /proc/PID/stat, counted from the one behind the command's name, whose number is 3.
constexpr size_t kUserTicks = 14 - 3;
constexpr size_t kSystemTicks = 15 - 3;
constexpr size_t kStartTicks = 22 - 3;
constexpr size_t kResidentPages = 24 - 3;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

absl::StatusOr<uint64_t> CountOpenFds(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (directory == nullptr) return base::ErrnoStatus(errno, base::StrCat("open ", path));
  // The listing has its own descriptor among the others.
  const std::string own = base::StrCat(::dirfd(directory.get()));
  uint64_t count = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.') && name != own) ++count;
  }
  return count;
}

}  // namespace

absl::StatusOr<ProcessStats> ReadProcessStats(const std::string& proc_self) {
  const std::string path = proc_self + "/stat";
  ASSIGN_OR_RETURN(const std::string stat, base::ReadFile(path, kMaxStatBytes));
  // The command's name may hold blanks and brackets itself.
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) {
    return absl::DataLossError(base::StrCat(path, ": no command's name"));
  }
  const auto fields = base::StrSplit(std::string_view(stat).substr(name_end + 2), ' ');
  uint64_t user = 0;
  uint64_t system = 0;
  uint64_t start = 0;
  uint64_t pages = 0;
  if (fields.size() <= kResidentPages || !base::SimpleAtoi(fields[kUserTicks], &user) ||
      !base::SimpleAtoi(fields[kSystemTicks], &system) ||
      !base::SimpleAtoi(fields[kStartTicks], &start) ||
      !base::SimpleAtoi(fields[kResidentPages], &pages)) {
    return absl::DataLossError(base::StrCat(path, ": not the fields of a process"));
  }
  ProcessStats stats;
  ASSIGN_OR_RETURN(stats.open_fds, CountOpenFds(proc_self + "/fd"));
  const auto ticks_per_second = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  stats.resident_bytes = pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  stats.cpu_seconds = static_cast<double>(user + system) / static_cast<double>(ticks_per_second);
  stats.start_boot_ns = start * (kNanosPerSecond / ticks_per_second);
  return stats;
}

}  // namespace oomtrail::publish
