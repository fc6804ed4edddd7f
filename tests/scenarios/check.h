// Holds one event against what happened: the scenario's own knowledge, the kernel's log, and what
// the method can know.
//
// Pure. Tolerances, once and for all:
//   RSS, usage    64 pages a CPU: what each CPU holds back of a counter (MEMCG_CHARGE_BATCH; the
//                 per-CPU counters of a task are smaller)
//   start time    20 ms: /proc tells it in ticks of 10 ms
//   everything else is exact
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/scenarios/expectation.h"
#include "tests/scenarios/features.h"
#include "tests/scenarios/kernel_log.h"
#include "tests/scenarios/knowledge.h"

namespace oomtrail::scenarios {

using Json = nlohmann::json;

// The --node-name of every agent here.
inline constexpr const char* kNodeName = "scenario-node";

struct CheckContext {
  const Features& features;
  Method method;
  int64_t began_wall_ns;  // of the scenario
  int64_t ended_wall_ns;
};

// What an event turned out to know, by fact.
using Learnt = std::map<Fact, Known>;

// Each failure is one line: what, expected, got. Empty where all is well.
std::vector<std::string> CheckKill(const CheckContext& context, const ExpectedKill& expected,
                                   const LogKill& truth, const Json& event, Learnt& learnt);

std::vector<std::string> CheckOomWithoutKill(const CheckContext& context,
                                             const ExpectedOomWithoutKill& expected,
                                             const Json& event);

}  // namespace oomtrail::scenarios
