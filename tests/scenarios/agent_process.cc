#include "tests/scenarios/agent_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStopPatience{2000};

[[noreturn]] void Execute(const std::vector<std::string>& words, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  // No OOMTRAIL_ variable of whoever runs the tests may decide anything.
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  ::execve(argv[0], argv.data(), environment);
  ::_exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AgentProcess>> AgentProcess::Start(const AgentCommand& command,
                                                                  Watch& watch) {
  auto agent = std::unique_ptr<AgentProcess>(new AgentProcess(command, watch));
  const std::vector<std::string> words = {command.program,
                                          "agent",
                                          "--log-format=json",
                                          std::string("--node-name=") + kNodeName,
                                          base::StrCat("--hook-method=", Name(command.method)),
                                          "--cgroup-root=" + command.cgroup_root,
                                          "--cri-endpoint=none",
                                          "--journal=none",
                                          "--listen=none",
                                          "--pin=" + command.pin,
                                          std::string("--warn=") + (command.warn ? "on" : "off")};
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
    return base::ErrnoStatus(errno, "make pipes for the agent");
  }
  agent->out_.fd.Reset(out[0]);
  agent->err_.fd.Reset(err[0]);
  // So that a storm of events never waits for the runner.
  ::fcntl(out[1], F_SETPIPE_SZ, 1 << 20);
  agent->started_ = steady_clock::now();
  agent->pid_ = ::fork();
  if (agent->pid_ == 0) Execute(words, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  if (agent->pid_ < 0) return base::ErrnoStatus(errno, "fork the agent");
  agent->pidfd_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, agent->pid_, 0)));
  if (!agent->pidfd_.ok()) return base::ErrnoStatus(errno, "open the agent's pidfd");
  agent->Listen();
  return agent;
}

AgentProcess::~AgentProcess() {
  KillHard();
  watch_.Remove(out_.fd.get());
  watch_.Remove(err_.fd.get());
}

void AgentProcess::Listen() {
  for (auto [stream, is_log] : {std::pair(&out_, false), std::pair(&err_, true)}) {
    ::fcntl(stream->fd.get(), F_SETFL, O_NONBLOCK);
    watch_.Add(stream->fd.get(), [this, stream, is_log] { Drain(*stream, is_log); });
  }
  watch_.Add(pidfd_.get(), [this] { Reap(); });
}

void AgentProcess::Drain(Stream& stream, bool is_log) {
  char bytes[65536];
  while (true) {
    const ssize_t got = ::read(stream.fd.get(), bytes, sizeof bytes);
    if (got == 0) watch_.Remove(stream.fd.get());
    if (got <= 0) return;
    stream.rest.append(bytes, static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end; (end = stream.rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      TakeLine(stream.rest.substr(begin, end - begin), is_log);
    }
    stream.rest.erase(0, begin);
  }
}

void AgentProcess::TakeLine(const std::string& line, bool is_log) {
  auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!is_log) {
    if (parsed.is_object()) {
      events_.push_back(std::move(parsed));
    } else {
      garbage_.push_back(line);
    }
    return;
  }
  const bool message = parsed.is_object() && parsed.contains("msg") && parsed["msg"].is_string();
  log_.push_back(message ? parsed["msg"].get<std::string>() : line);
  if (log_.back().starts_with("armed") && armed_after_ == milliseconds(0)) {
    armed_after_ = duration_cast<milliseconds>(steady_clock::now() - started_);
  }
}

void AgentProcess::Reap() {
  int status = 0;
  if (status_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
  status_ = status;
  watch_.Remove(pidfd_.get());
  // What it wrote before its end.
  Drain(out_, false);
  Drain(err_, true);
}

std::string AgentProcess::LogLine(std::string_view beginning) const {
  for (const std::string& line : log_) {
    if (line.starts_with(beginning)) return line;
  }
  return "";
}

std::string AgentProcess::LastWords() const { return log_.empty() ? "(no word)" : log_.back(); }

absl::Status AgentProcess::AwaitArmed() {
  const auto armed = [this] { return !LogLine("armed").empty(); };
  if (!watch_.Until([&] { return armed() || ended(); })) {
    return absl::DeadlineExceededError(
        base::StrCat("the agent is not armed; it said: ", LastWords()));
  }
  if (!ended()) return absl::OkStatus();
  const std::string victim = LogLine("hook victim:");
  return absl::UnavailableError(victim.empty() ? LastWords() : victim);
}

absl::Status AgentProcess::Stop() {
  if (ended())
    return absl::InternalError(base::StrCat("the agent had ended; it said: ", LastWords()));
  ::kill(pid_, SIGTERM);
  if (!watch_.Until([this] { return ended(); }, kStopPatience)) {
    KillHard();
    return absl::DeadlineExceededError("SIGTERM did not end the agent within 2 s");
  }
  if (!WIFEXITED(*status_) || WEXITSTATUS(*status_) != 0) {
    return absl::InternalError(base::StrCat("the agent ended with status ", *status_,
                                            " after SIGTERM; it said: ", LastWords()));
  }
  return absl::OkStatus();
}

void AgentProcess::Forget() {
  events_.clear();
  garbage_.clear();
}

void AgentProcess::KillHard() {
  if (ended() || pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  watch_.Until([this] { return ended(); });
}

}  // namespace oomtrail::scenarios
