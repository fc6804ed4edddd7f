// The table of scenarios: what is made, and what every agent must then say.
//
// A scenario knows no method: it says what happened. What of it a method can know is knowledge.h's.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/scenarios/expectation.h"
#include "tests/scenarios/world.h"

namespace oomtrail::scenarios {

// What a scenario takes that not every machine gives; bits.
enum Needs : unsigned {
  kNothing = 0,
  kCgroupV2 = 1 << 0,
  kProtection = 1 << 1,  // oom_score_adj -1000, which takes CAP_SYS_RESOURCE
  kWholeNode = 1 << 2,   // every process on the machine is at stake: --node-oom
  kTwoNodes = 1 << 3,    // NUMA
};

struct Scenario {
  std::string_view name;
  unsigned needs = kNothing;
  int ooms = 1;  // for the kernel log's rate limit; 0: too many to spare it
  absl::StatusOr<Outcome> (*run)(World&) = nullptr;
};

// Who is killed, and how it came to be where it is.
std::vector<Scenario> VictimScenarios();
// Whose limit it was.
std::vector<Scenario> LimitScenarios();
// Beyond every limit: the node's memory, or the part of it that a process may use.
std::vector<Scenario> NodeScenarios();
// Many at once, many in a row.
std::vector<Scenario> StormScenarios();

}  // namespace oomtrail::scenarios
