#include "tests/bench/latency/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::bench {
namespace {

constexpr size_t kMaxProcBytes = 64 * 1024;

std::atomic<bool> stopped = false;  // by a signal: a handler has nowhere else to say it

[[noreturn]] void Execute(char* const* argv, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  // No OOMTRAIL_ variable of whoever runs the benchmark may decide anything.
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  ::execve(argv[0], argv, environment);
  ::_exit(127);
}

uint64_t KibibytesOf(std::string_view status, std::string_view name) {
  for (std::string_view line : base::StrSplit(status, '\n')) {
    if (!base::ConsumePrefix(&line, name) || !base::ConsumeSuffix(&line, " kB")) continue;
    uint64_t kibibytes = 0;
    base::SimpleAtoi(line.substr(line.find_last_of(" \t") + 1), &kibibytes);
    return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

uint64_t BootNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "make a pipe");
  auto process = std::make_unique<Process>();
  process->out_.fd.Reset(out[0]);
  const base::UniqueFd out_end(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "make a pipe");
  process->err_.fd.Reset(err[0]);
  const base::UniqueFd err_end(err[1]);
  for (const int fd : {out[0], err[0]}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  process->started_boot_ns_ = BootNanos();
  process->pid_ = ::fork();
  if (process->pid_ == 0) Execute(argv.data(), out[1], err[1]);
  if (process->pid_ < 0) return base::ErrnoStatus(errno, "fork " + words[0]);
  return process;
}

Process::~Process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Process::Pause() const {
  ::kill(pid_, SIGSTOP);
  ::waitpid(pid_, nullptr, WUNTRACED);
}

void Process::Resume() const { ::kill(pid_, SIGCONT); }

void Process::Stream::Read() {
  char bytes[65536];
  while (fd.ok()) {
    const ssize_t got = ::read(fd.get(), bytes, sizeof bytes);
    const uint64_t now = BootNanos();
    if (got == 0) fd.Reset();
    if (got <= 0) return;
    rest.append(bytes, static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back({rest.substr(begin, end - begin), now});
    }
    rest.erase(0, begin);
  }
}

void Process::Read() {
  out_.Read();
  err_.Read();
}

std::string Process::LastWords() const {
  return err_.lines.empty() ? "(no word)" : err_.lines.back().text;
}

Memory Process::ReadMemory() const {
  const auto status = base::ReadFile(base::StrCat("/proc/", pid_, "/status"), kMaxProcBytes);
  if (!status.ok()) return {};
  return {.resident_bytes = KibibytesOf(*status, "VmRSS:"),
          .anonymous_bytes = KibibytesOf(*status, "RssAnon:")};
}

std::chrono::nanoseconds Process::ReadCpuTime() const {
  // Not /proc/<pid>/task: a thread that has ended would take its time with it.
  clockid_t clock = 0;
  timespec used{};
  if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

bool Await(const std::vector<Process*>& processes, const std::vector<int>& other,
           const std::function<bool()>& done, std::chrono::milliseconds patience) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + patience;
  while (!stopped) {
    if (done()) return true;
    std::vector<pollfd> fds;
    for (const Process* process : processes) {
      // A closed stream is -1, which poll() passes over.
      fds.push_back({.fd = process->out_fd(), .events = POLLIN, .revents = 0});
      fds.push_back({.fd = process->err_fd(), .events = POLLIN, .revents = 0});
    }
    for (const int fd : other) fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
    for (size_t i = 0; i < processes.size(); ++i) {
      if (fds[2 * i].revents != 0 || fds[2 * i + 1].revents != 0) processes[i]->Read();
    }
  }
  return false;
}

void StopAtSignals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = true; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

}  // namespace oomtrail::bench
