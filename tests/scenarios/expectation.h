// What a scenario brought about, and what every agent must therefore say. Values.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/scenarios/cgroups.h"

namespace oomtrail::scenarios {

// What a cgroup's path proves of its pod; all absent for a host's process.
struct Identity {
  std::string pod_uid;
  std::string qos;
  std::string container_id;
  std::string runtime;  // empty: the path does not tell
  std::string unit;     // of a host's process
};

// A place for processes: its cgroup, and whose it is.
struct Place {
  Cgroup cgroup;
  Identity identity;
};

struct ExpectedTrigger {
  pid_t pid = 0;
  std::string comm;  // as shown
  std::string cgroup_path;
};

struct ExpectedLimit {
  Cgroup owner;
  uint64_t bytes = 0;
  std::optional<uint64_t> usage_bytes;  // absent: all of it
  bool in_flight = false;               // memory is on its way back: how much is a race
};

struct ExpectedKill {
  pid_t pid = 0;  // thread group id
  pid_t tid = 0;
  std::string comm;         // as shown: escaped
  std::string thread_comm;  // of the thread that was found to have the memory; empty: the same
  uid_t uid = 0;
  int oom_score_adj = 0;
  uint64_t start_boot_ns = 0;
  Place place;

  // Absent where the kernel alone decides whose allocation it is: then the log's word counts.
  std::optional<ExpectedTrigger> trigger;
  bool own_trigger = true;

  std::string scope = "container";
  // Without oom_control a scope is judged by counters, which do not tell everything.
  std::string inferred_scope;  // empty: as `scope`
  std::optional<ExpectedLimit> limit;
  std::string constraint = "memcg";
  int32_t order = 0;

  bool group = false;
  bool group_member = false;  // killed after the first of its group
  int incident = 0;           // equal numbers: one OOM
};

struct ExpectedOomWithoutKill {
  Place place;
  uint64_t limit_bytes = 0;
  ExpectedTrigger trigger;
  bool certain = true;  // false: a race in the kernel decides whether there is one
};

struct Outcome {
  std::vector<ExpectedKill> kills;
  std::vector<ExpectedOomWithoutKill> ooms_without_kill;
  // Cgroups whose local oom_kill count must agree with the events about them.
  std::vector<Cgroup> counted;
  // The kernel did not do what the scenario is there to make it do.
  std::vector<std::string> failures;
};

}  // namespace oomtrail::scenarios
