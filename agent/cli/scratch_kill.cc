#include "agent/cli/scratch_kill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "agent/cli/options.h"

namespace oomtrail::cli {
namespace {

absl::Status WriteFile(const std::string& path, std::string_view text) {
  base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", path));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return base::ErrnoStatus(errno, base::StrCat("write \"", text, "\" to ", path));
  }
  return absl::OkStatus();
}

// In the child. A program of its own, or it would be seen with all of the agent's memory. It finds
// the cgroup's cgroup.procs as its standard input.
[[noreturn]] void BecomeHog(int procs_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::dup2(procs_fd, STDIN_FILENO) < 0) ::_exit(kExitFailed);
  ::execl("/proc/self/exe", "memory-hog", kFillMemoryCommand, nullptr);
  ::_exit(kExitFailed);
}

}  // namespace

absl::Status ScratchKill::MakeDirectory(const std::string& name) {
  // v2: a child only has the memory controller where its parent passes it on.
  const std::string parent = mount_.DirectoryOf(path_);
  if (mount_.version == 2 && !path_.empty()) {
    RETURN_IF_ERROR(WriteFile(parent + "/cgroup.subtree_control", "+memory"));
  }
  const std::string directory = base::StrCat(parent, "/", name);
  if (::mkdir(directory.c_str(), 0755) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("make the scratch cgroup ", directory));
  }
  made_.push_back(directory);
  base::StrAppend(&path_, "/", name);
  if (::access((directory + "/cgroup.procs").c_str(), W_OK) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("use the scratch cgroup ", directory));
  }
  return absl::OkStatus();
}

absl::Status ScratchKill::Limit() {
  const std::string directory = mount_.DirectoryOf(path_);
  const std::string limit = base::StrCat(kLimitBytes);
  if (mount_.version == 1) {
    RETURN_IF_ERROR(WriteFile(directory + "/memory.limit_in_bytes", limit));
    // Only where swap is accounted: else the hog could flee into it.
    WriteFile(directory + "/memory.memsw.limit_in_bytes", limit).IgnoreError();
    return absl::OkStatus();
  }
  if (::access((directory + "/memory.max").c_str(), W_OK) != 0) {
    return absl::FailedPreconditionError(
        base::StrCat(mount_.directory, " does not pass the memory controller on (echo +memory > ",
                     mount_.directory, "/cgroup.subtree_control)"));
  }
  RETURN_IF_ERROR(WriteFile(directory + "/memory.max", limit));
  WriteFile(directory + "/memory.swap.max", "0").IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ScratchKill>> ScratchKill::Prepare(
    const resolve::CgroupMount& mount) {
  auto scratch = std::unique_ptr<ScratchKill>(new ScratchKill(mount));
  const int pid = ::getpid();
  RETURN_IF_ERROR(scratch->MakeDirectory(base::StrCat("oomtrail-demo-", pid)));
  RETURN_IF_ERROR(scratch->MakeDirectory("kubepods"));
  RETURN_IF_ERROR(scratch->MakeDirectory("burstable"));
  RETURN_IF_ERROR(scratch->MakeDirectory(absl::StrFormat("pod00000000-0000-4000-8000-%012x", pid)));
  RETURN_IF_ERROR(scratch->MakeDirectory(absl::StrFormat("%064x", pid)));
  RETURN_IF_ERROR(scratch->Limit());
  return scratch;
}

ScratchKill::~ScratchKill() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) {
    ::rmdir(directory->c_str());
  }
}

absl::StatusOr<pid_t> ScratchKill::Start() {
  const std::string procs = mount_.DirectoryOf(path_) + "/cgroup.procs";
  base::UniqueFd fd(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", procs));
  child_ = ::fork();
  if (child_ < 0) return base::ErrnoStatus(errno, "fork");
  if (child_ == 0) BecomeHog(fd.get());
  return child_;
}

int RunFillMemory() {
  ::prctl(PR_SET_NAME, "memory-hog");
  // Not before it has its name: what a program takes to start may be more than the limit.
  if (::write(STDIN_FILENO, "0", 1) != 1) return kExitFailed;
  constexpr size_t kChunk = 1 << 20;
  for (uint64_t filled = 0; filled < 4 * ScratchKill::kLimitBytes; filled += kChunk) {
    void* chunk =
        ::mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) return kExitFailed;
    std::memset(chunk, 'x', kChunk);
  }
  return kExitOk;
}

bool ScratchKill::Killed() {
  if (child_ > 0 && ::waitpid(child_, &child_status_, WNOHANG) == child_) child_ = -1;
  return child_ < 0 && WIFSIGNALED(child_status_) && WTERMSIG(child_status_) == SIGKILL;
}

}  // namespace oomtrail::cli
