// An agent that watches, and what it has said so far.
//
// Owned and called by the runner's one thread.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "tests/scenarios/agent_process.h"
#include "tests/scenarios/judgement.h"

namespace oomtrail::scenarios {

class Observer {
 public:
  Observer(Method method, std::unique_ptr<AgentProcess> agent)
      : method_(method), agent_(std::move(agent)) {}

  Method method() const { return method_; }
  AgentProcess& agent() { return *agent_; }
  // Another process of the same method: what the old one said counts as said.
  void Restart(std::unique_ptr<AgentProcess> agent) { agent_ = std::move(agent); }

  // What came so far is past; what comes belongs to the next judgement.
  void Mark() { agent_->Forget(); }
  // Whether an event about this process has come since the mark.
  bool HasSeen(pid_t tid, pid_t pid) const;

  Verdict Judge(const Happened& happened, const Features& features);

 private:
  const Method method_;
  std::unique_ptr<AgentProcess> agent_;
  std::set<std::string> ids_;  // of every event since the start
};

}  // namespace oomtrail::scenarios
