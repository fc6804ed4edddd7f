// Processes of the scenarios: forked, placed in a cgroup before they do anything, ended by pid.
//
// Owned and called by the runner's one thread. A child that outlives its scenario is killed by
// EndAll(); one that outlives the runner dies with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/scenarios/cgroups.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::scenarios {

// The child's end of the line to the runner.
class Port {
 public:
  Port(int in, int out) : in_(in), out_(out) {}
  // A number the runner waits for; may be sent from any thread of the child.
  void Say(uint64_t word) const;
  // Until the runner says go; ends the process where the runner is gone.
  void AwaitGo() const;

 private:
  int in_;
  int out_;
};

struct Plan {
  std::string comm;
  std::optional<Cgroup> cgroup;  // absent: where the runner is
  uid_t uid = 0;
  int oom_score_adj = 0;
  bool pid_namespace = false;  // the child is PID 1 of its own
  // Runs in the child after it was told to go; its result is the exit code.
  std::function<int(const Port&)> body;
};

class Child {
 public:
  pid_t pid() const { return pid_; }
  // Of its start, in nanoseconds of CLOCK_BOOTTIME, as exact as /proc tells (a clock tick).
  uint64_t start_boot_ns() const { return start_boot_ns_; }
  const Plan& plan() const { return plan_; }
  // What it has said so far.
  const std::vector<uint64_t>& said() const { return said_; }
  bool ended() const { return status_.has_value(); }
  bool ended_by(int signal) const;
  void Go() const;

 private:
  friend class Children;
  Plan plan_;
  pid_t pid_ = -1;
  uint64_t start_boot_ns_ = 0;
  std::optional<int> status_;
  std::vector<uint64_t> said_;
  base::UniqueFd pidfd_;
  base::UniqueFd to_child_;
  base::UniqueFd from_child_;
};

class Children {
 public:
  Children(Watch& watch, const CgroupTree& tree) : watch_(watch), tree_(tree) {}
  ~Children() { EndAll(); }

  // The child stands in its cgroup and waits to be told to go.
  absl::StatusOr<Child*> Spawn(Plan plan);
  // Ends one, and reaps it.
  absl::Status End(Child& child);
  void EndAll();

  // A process that a child forked: ours as well.
  void Adopt(pid_t pid) { ours_.insert(pid); }
  bool IsOurs(pid_t pid) const { return ours_.contains(pid); }

 private:
  void Listen(Child& child);
  void Reap(Child& child);

  Watch& watch_;
  const CgroupTree& tree_;
  std::vector<std::unique_ptr<Child>> children_;
  std::set<pid_t> ours_;
};

// Start of a process in nanoseconds of CLOCK_BOOTTIME; absent once it is gone.
std::optional<uint64_t> StartBootNanos(pid_t pid);

}  // namespace oomtrail::scenarios
