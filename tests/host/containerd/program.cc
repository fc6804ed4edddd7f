#include "tests/host/containerd/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::containerd {
namespace {

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

absl::StatusOr<std::unique_ptr<Program>> Program::Start(Watch& watch,
                                                        const std::vector<std::string>& argv,
                                                        OnLine on_output, OnLine on_error) {
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe err, MakePipe());
  auto program = std::unique_ptr<Program>(new Program(watch, argv[0]));
  RETURN_IF_ERROR(program->Spawn(argv, out.write.get(), err.write.get()));
  program->Listen(std::move(out.read), std::move(on_output), program->out_);
  program->Listen(std::move(err.read), std::move(on_error), program->err_);
  return program;
}

absl::StatusOr<std::unique_ptr<Program>> Program::Start(Watch& watch,
                                                        const std::vector<std::string>& argv,
                                                        const std::string& log_file) {
  const base::UniqueFd log(
      ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", log_file));
  auto program = std::unique_ptr<Program>(new Program(watch, argv[0]));
  RETURN_IF_ERROR(program->Spawn(argv, log.get(), log.get()));
  return program;
}

absl::Status Program::Spawn(const std::vector<std::string>& argv, int out, int err) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  const int error =
      ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = -1;
    return base::ErrnoStatus(error, base::StrCat("start ", name_));
  }
  pidfd_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_.ok()) return base::ErrnoStatus(errno, "open a pidfd");
  watch_.Add(pidfd_.get(), [this] { Reap(); });
  return absl::OkStatus();
}

Program::~Program() {
  if (pid_ <= 0) return;
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const base::UniqueFd* fd : {&pidfd_, &out_.fd, &err_.fd}) {
    if (fd->ok()) watch_.Remove(fd->get());
  }
}

void Program::Listen(base::UniqueFd fd, OnLine on_line, Stream& stream) {
  stream.fd = std::move(fd);
  stream.on_line = std::move(on_line);
  watch_.Add(stream.fd.get(), [this, &stream] { Read(stream); });
}

void Program::Read(Stream& stream) {
  char bytes[16 << 10];
  const ssize_t got = ::read(stream.fd.get(), bytes, sizeof bytes);
  if (got <= 0) {
    if (got < 0 && errno == EINTR) return;
    watch_.Remove(stream.fd.get());
    stream.fd.Reset();
    return;
  }
  stream.rest.append(bytes, static_cast<size_t>(got));
  size_t begin = 0;
  for (size_t end = 0; (end = stream.rest.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    stream.on_line(std::string_view(stream.rest).substr(begin, end - begin));
  }
  stream.rest.erase(0, begin);
}

void Program::Reap() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return;
  status_ = status;
  watch_.Remove(pidfd_.get());
}

void Program::Signal(int signal) const {
  if (!ended()) ::kill(pid_, signal);
}

absl::Status Program::Pause() const {
  Signal(SIGSTOP);
  int status = 0;
  if (::waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status)) return absl::OkStatus();
  return absl::InternalError(base::StrCat(name_, " does not stop, status ", status));
}

void Program::Resume() const { Signal(SIGCONT); }

absl::Status Program::AwaitEnd() {
  if (watch_.Until([this] { return ended() && !out_.fd.ok() && !err_.fd.ok(); })) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError(base::StrCat(name_, " (", pid_, ") does not end"));
}

absl::Status Run(Watch& watch, const std::vector<std::string>& argv) {
  std::string said;
  const auto listen = [&](std::string_view line) { base::StrAppend(&said, line, "\n"); };
  ASSIGN_OR_RETURN(const auto program, Program::Start(watch, argv, listen, listen));
  RETURN_IF_ERROR(program->AwaitEnd());
  if (program->status() == 0) return absl::OkStatus();
  return absl::InternalError(
      base::StrCat(base::StrJoin(argv, " "), ": status ", program->status(), ": ", said));
}

}  // namespace oomtrail::containerd
