#include "tests/scenarios/children.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

constexpr int kSetupFailed = 97;

// A fork that can make a PID namespace; glibc's fork cannot.
pid_t Fork(bool pid_namespace) {
  if (!pid_namespace) return ::fork();
  return static_cast<pid_t>(
      ::syscall(SYS_clone, static_cast<unsigned long>(CLONE_NEWPID | SIGCHLD), 0, 0, 0, 0));
}

[[noreturn]] void RunChild(const Plan& plan, const Port& port) {
  ::prctl(PR_SET_NAME, plan.comm.c_str());
  const bool adjusted =
      WriteFile("/proc/self/oom_score_adj", base::StrCat(plan.oom_score_adj)).ok();
  if (!adjusted) ::_exit(kSetupFailed);
  if (plan.uid != 0 && ::setresuid(plan.uid, plan.uid, plan.uid) != 0) ::_exit(kSetupFailed);
  // After the change of user, which clears it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  port.AwaitGo();
  ::_exit(plan.body(port));
}

struct Pipe {
  base::UniqueFd read;
  base::UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "make a pipe");
  return Pipe{.read = base::UniqueFd(ends[0]), .write = base::UniqueFd(ends[1])};
}

}  // namespace

void Port::Say(uint64_t word) const {
  if (::write(out_, &word, sizeof word) != sizeof word) ::_exit(kSetupFailed);
}

void Port::AwaitGo() const {
  char go = 0;
  ssize_t got = 0;
  do {
    got = ::read(in_, &go, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(kSetupFailed);
}

bool Child::ended_by(int signal) const {
  return status_ && WIFSIGNALED(*status_) && WTERMSIG(*status_) == signal;
}

void Child::Go() const {
  const char go = 'g';
  [[maybe_unused]] const ssize_t written = ::write(to_child_.get(), &go, 1);
}

absl::StatusOr<Child*> Children::Spawn(Plan plan) {
  ASSIGN_OR_RETURN(Pipe down, MakePipe());
  ASSIGN_OR_RETURN(Pipe up, MakePipe());
  const pid_t pid = Fork(plan.pid_namespace);
  if (pid < 0) return base::ErrnoStatus(errno, "fork");
  if (pid == 0) {
    down.write.Reset();
    up.read.Reset();
    RunChild(plan, Port(down.read.get(), up.write.get()));
  }
  auto child = std::make_unique<Child>();
  child->plan_ = std::move(plan);
  child->pid_ = pid;
  child->to_child_ = std::move(down.write);
  child->from_child_ = std::move(up.read);
  child->pidfd_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  ours_.insert(pid);
  Child& made = *children_.emplace_back(std::move(child));
  if (!made.pidfd_.ok()) return base::ErrnoStatus(errno, "open a pidfd");
  if (made.plan_.cgroup) RETURN_IF_ERROR(tree_.Enter(*made.plan_.cgroup, pid));
  const auto start = StartBootNanos(pid);
  if (!start) return absl::InternalError(base::StrCat("read the start time of ", pid));
  made.start_boot_ns_ = *start;
  Listen(made);
  return &made;
}

void Children::Listen(Child& child) {
  watch_.Add(child.pidfd_.get(), [this, &child] { Reap(child); });
  watch_.Add(child.from_child_.get(), [this, &child] {
    uint64_t word = 0;
    if (::read(child.from_child_.get(), &word, sizeof word) == sizeof word) {
      child.said_.push_back(word);
    } else {
      watch_.Remove(child.from_child_.get());
    }
  });
}

void Children::Reap(Child& child) {
  int status = 0;
  if (child.status_ || ::waitpid(child.pid_, &status, WNOHANG) != child.pid_) return;
  child.status_ = status;
  watch_.Remove(child.pidfd_.get());
}

absl::Status Children::End(Child& child) {
  if (!child.ended()) ::kill(child.pid_, SIGKILL);
  if (watch_.Until([&] { return child.ended(); })) return absl::OkStatus();
  return absl::DeadlineExceededError(
      base::StrCat("process ", child.pid_, " (", child.plan_.comm, ") does not end"));
}

void Children::EndAll() {
  for (const auto& child : children_) {
    if (!child->ended() && child->pid_ > 0) ::kill(child->pid_, SIGKILL);
  }
  for (const auto& child : children_) {
    End(*child).IgnoreError();
    watch_.Remove(child->pidfd_.get());
    watch_.Remove(child->from_child_.get());
  }
  children_.clear();
}

std::optional<uint64_t> StartBootNanos(pid_t pid) {
  const auto stat = base::ReadFile(base::StrCat("/proc/", pid, "/stat"), 4096);
  if (!stat.ok()) return std::nullopt;
  // "pid (comm) state …": the comm may hold anything, the last parenthesis ends it.
  const size_t end = stat->rfind(") ");
  if (end == std::string::npos) return std::nullopt;
  const auto fields = base::StrSplit(std::string_view(*stat).substr(end + 2), ' ');
  constexpr size_t kStartTime = 19;  // field 22, the first here being field 3
  uint64_t ticks = 0;
  if (fields.size() <= kStartTime || !base::SimpleAtoi(fields[kStartTime], &ticks)) {
    return std::nullopt;
  }
  return ticks * (1'000'000'000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

}  // namespace oomtrail::scenarios
