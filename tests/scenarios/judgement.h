// What an agent said of one scenario, held against what happened: every kill once, in full, and not
// a word about what did not happen.
//
// Used once, by one thread. Pure: the runner hands it events of a live agent, its own test invented
// ones.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/scenarios/check.h"
#include "tests/scenarios/expectation.h"
#include "tests/scenarios/features.h"
#include "tests/scenarios/kernel_log.h"
#include "tests/scenarios/knowledge.h"

namespace oomtrail::scenarios {

// All that happened while the agent watched.
struct Happened {
  Outcome outcome;
  pid_t sentinel = 0;  // killed last, on purpose: nothing can come after its event
  int64_t began_wall_ns = 0;
  int64_t ended_wall_ns = 0;
  // The kernel log's line of a kill, by the thread's id; null where there is none.
  std::function<const LogKill*(pid_t)> truth;
  // Whether an event that nobody expected is about a process or cgroup of ours.
  std::function<bool(const Json&)> is_ours;
};

struct Verdict {
  std::vector<std::string> failures;
  Learnt learnt;
  std::map<pid_t, std::string> ids;  // of events whose id must be the same by every method
};

class Judgement {
 public:
  // `ids` are those of the agent's earlier events, and take in the new ones.
  Judgement(Method method, const Features& features, const Happened& happened,
            std::set<std::string>& ids);

  void Hear(const Json& event);
  Verdict Conclude();

 private:
  std::vector<std::string> HearKill(const Json& event);
  std::vector<std::string> HearOomWithoutKill(const Json& event);
  bool KnowsIncident(const ExpectedKill& kill) const;
  void CheckIncidents();

  const Method method_;
  const Features& features_;
  const Happened& happened_;
  const CheckContext context_;
  std::set<std::string>& ids_;
  Verdict verdict_;
  int sentinels_ = 0;
  std::vector<std::pair<const ExpectedKill*, std::string>> seen_;  // with the incident's id
  std::set<const ExpectedOomWithoutKill*> silent_;
};

// The victim's "pid" or "tid"; 0 where the event has none.
pid_t PidOf(const Json& event, const char* name);

}  // namespace oomtrail::scenarios
