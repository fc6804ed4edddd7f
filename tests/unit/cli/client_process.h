// The built program as a child, with its outputs on pipes. Ended with the value, whatever happens.
// One thread.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/unique_fd.h"

namespace oomtrail::cli {

class ClientProcess {
 public:
  enum class Stdout { kPipe, kClosed };

  explicit ClientProcess(std::vector<std::string> arguments, Stdout out = Stdout::kPipe) {
    arguments.insert(arguments.begin(), OOMTRAIL_PROGRAM);
    int to_out[2];
    int to_err[2];
    if (::pipe2(to_out, O_CLOEXEC) != 0 || ::pipe2(to_err, O_CLOEXEC) != 0) return;
    out_.Reset(to_out[0]);
    err_.Reset(to_err[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (out == Stdout::kPipe) {
      ::posix_spawn_file_actions_adddup2(&actions, to_out[1], STDOUT_FILENO);
    } else {
      ::posix_spawn_file_actions_addclose(&actions, STDOUT_FILENO);
    }
    ::posix_spawn_file_actions_adddup2(&actions, to_err[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(to_out[1]);
    ::close(to_err[1]);
  }
  ClientProcess(const ClientProcess&) = delete;
  ClientProcess& operator=(const ClientProcess&) = delete;
  ~ClientProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // The next line of stdout, without its newline; absent at the end, or after 30 s.
  std::optional<std::string> Line() { return Line(out_.get(), out_text_); }
  std::optional<std::string> ErrorLine() { return Line(err_.get(), err_text_); }
  // What is left of it up to its end.
  std::string Out() { return Rest(out_.get(), out_text_); }
  std::string Err() { return Rest(err_.get(), err_text_); }

  void Signal(int number) const { ::kill(pid_, number); }
  void CloseOut() { out_.Reset(); }
  // Waits until stdout holds as much as a pipe can.
  bool WaitUntilOutIsFull() const {
    pollfd fd{.fd = out_.get(), .events = POLLIN};
    return ::poll(&fd, 1, kPatienceMillis) == 1;
  }

  // The exit code; -1 for an end by a signal or none at all.
  int Wait() {
    // Its stderr ends with it: a child that does not end is not waited for without end.
    if (err_.ok()) err_text_ += Rest(err_.get(), "");
    int status = 0;
    if (pid_ <= 0 || !ended_ || ::waitpid(pid_, &status, 0) != pid_) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static constexpr int kPatienceMillis = 30'000;

  // False at the end of it, and where nothing comes.
  bool More(int fd, std::string& text) {
    pollfd readable{.fd = fd, .events = POLLIN};
    if (::poll(&readable, 1, kPatienceMillis) != 1) return false;
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (fd == err_.get() && got == 0) ended_ = true;
    if (got > 0) text.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }

  std::optional<std::string> Line(int fd, std::string& text) {
    while (text.find('\n') == std::string::npos) {
      if (!More(fd, text)) return std::nullopt;
    }
    const size_t end = text.find('\n');
    std::string line = text.substr(0, end);
    text.erase(0, end + 1);
    return line;
  }

  std::string Rest(int fd, std::string text) {
    while (More(fd, text)) {
    }
    return text;
  }

  pid_t pid_ = -1;
  bool ended_ = false;
  base::UniqueFd out_;
  base::UniqueFd err_;
  std::string out_text_;
  std::string err_text_;
};

}  // namespace oomtrail::cli
