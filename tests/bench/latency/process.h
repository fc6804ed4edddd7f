// A program under measurement: its lines with the time they were read, its memory and CPU time.
//
// Owned and called by one thread. Destroying it ends the program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::bench {

struct Line {
  std::string text;
  uint64_t read_boot_ns = 0;  // CLOCK_BOOTTIME, right after the read that brought its end
};

struct Memory {
  uint64_t resident_bytes = 0;
  uint64_t anonymous_bytes = 0;
};

class Process {
 public:
  static absl::StatusOr<std::unique_ptr<Process>> Start(const std::vector<std::string>& words);
  ~Process();

  const std::vector<Line>& out() const { return out_.lines; }
  const std::vector<Line>& err() const { return err_.lines; }
  uint64_t started_boot_ns() const { return started_boot_ns_; }
  // Both its streams are closed.
  bool ended() const { return !out_.fd.ok() && !err_.fd.ok(); }
  std::string LastWords() const;

  // For poll(); -1 once closed.
  int out_fd() const { return out_.fd.get(); }
  int err_fd() const { return err_.fd.get(); }
  // Takes the lines that are there, without waiting.
  void Read();

  // Returns when all its threads stand still, and when they may go on.
  void Pause() const;
  void Resume() const;

  Memory ReadMemory() const;
  // Of all its threads, past ones too, to the nanosecond.
  std::chrono::nanoseconds ReadCpuTime() const;

 private:
  struct Stream {
    base::UniqueFd fd;
    std::string rest;
    std::vector<Line> lines;

    void Read();
  };

  pid_t pid_ = -1;
  uint64_t started_boot_ns_ = 0;
  Stream out_;
  Stream err_;
};

uint64_t BootNanos();

// Reads the processes' lines, and wakes for `other` descriptors too, until `done` holds. False
// where the time was over first, or the harness is asked to stop.
bool Await(const std::vector<Process*>& processes, const std::vector<int>& other,
           const std::function<bool()>& done,
           std::chrono::milliseconds patience = std::chrono::seconds(30));

// SIGINT and SIGTERM end every Await() from now on, so that what was made is also removed.
void StopAtSignals();

}  // namespace oomtrail::bench
