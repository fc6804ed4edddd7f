// A program that was started: its lines as they come, and its end.
//
// Owned and called by the test's one thread. Destroying it ends the process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

using scenarios::Watch;

class Program {
 public:
  using OnLine = std::function<void(std::string_view)>;

  // `argv[0]` is looked up in PATH.
  static absl::StatusOr<std::unique_ptr<Program>> Start(Watch& watch,
                                                        const std::vector<std::string>& argv,
                                                        OnLine on_output, OnLine on_error);
  // All it says goes to the end of a file: it never waits for us to read.
  static absl::StatusOr<std::unique_ptr<Program>> Start(Watch& watch,
                                                        const std::vector<std::string>& argv,
                                                        const std::string& log_file);
  ~Program();

  pid_t pid() const { return pid_; }
  bool ended() const { return status_.has_value(); }
  // As wait(2) gives it.
  int status() const { return status_.value_or(0); }

  void Signal(int signal) const;
  // SIGSTOP; returns once it stands still.
  absl::Status Pause() const;
  void Resume() const;
  // Until it has ended and everything it said is read.
  absl::Status AwaitEnd();

 private:
  struct Stream {
    base::UniqueFd fd;
    OnLine on_line;
    std::string rest;
  };

  Program(Watch& watch, std::string name) : watch_(watch), name_(std::move(name)) {}
  absl::Status Spawn(const std::vector<std::string>& argv, int out, int err);
  void Listen(base::UniqueFd fd, OnLine on_line, Stream& stream);
  void Read(Stream& stream);
  void Reap();

  Watch& watch_;
  const std::string name_;
  pid_t pid_ = -1;
  base::UniqueFd pidfd_;
  Stream out_;
  Stream err_;
  std::optional<int> status_;
};

// Runs a program to its end; an error that quotes it unless it exits 0.
absl::Status Run(Watch& watch, const std::vector<std::string>& argv);

}  // namespace oomtrail::containerd
