#include "tests/scenarios/observer.h"

#include <algorithm>

namespace oomtrail::scenarios {

bool Observer::HasSeen(pid_t tid, pid_t pid) const {
  return std::ranges::any_of(agent_->events(), [&](const Json& event) {
    return event.value("kind", "") == "oom_kill" &&
           (PidOf(event, "tid") == tid || PidOf(event, "pid") == pid);
  });
}

Verdict Observer::Judge(const Happened& happened, const Features& features) {
  Judgement judgement(method_, features, happened, ids_);
  for (const Json& event : agent_->events()) judgement.Hear(event);
  Verdict verdict = judgement.Conclude();
  for (const std::string& line : agent_->garbage()) {
    verdict.failures.push_back("a line on stdout that is no JSON object: " + line);
  }
  if (agent_->ended()) {
    verdict.failures.push_back("the agent has ended: " + agent_->log().back());
  }
  return verdict;
}

}  // namespace oomtrail::scenarios
