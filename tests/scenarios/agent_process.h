// The program under test: `oomtrail agent`, its events and its log as they come.
//
// Owned and called by the runner's one thread. Destroying it ends the process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/scenarios/check.h"
#include "tests/scenarios/knowledge.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::scenarios {

struct AgentCommand {
  std::string program;
  Method method = Method::kFentry;
  std::string cgroup_root;
  std::string pin = "none";
  bool warn = false;  // of kills to come
};

class AgentProcess {
 public:
  // Returns as soon as the process runs; see AwaitArmed.
  static absl::StatusOr<std::unique_ptr<AgentProcess>> Start(const AgentCommand& command,
                                                             Watch& watch);
  ~AgentProcess();

  // UNAVAILABLE, with the agent's own words, where it ended instead.
  absl::Status AwaitArmed();
  std::chrono::milliseconds armed_after() const { return armed_after_; }

  // Lines of stdout, each one JSON object, since Forget(). What is none is kept in `garbage`.
  const std::vector<nlohmann::json>& events() const { return events_; }
  const std::vector<std::string>& garbage() const { return garbage_; }
  void Forget();
  // The messages of stderr.
  const std::vector<std::string>& log() const { return log_; }
  // Of the first message that begins so; empty where there is none.
  std::string LogLine(std::string_view beginning) const;

  bool ended() const { return status_.has_value(); }
  // SIGTERM: it must exit 0 within two seconds.
  absl::Status Stop();
  void KillHard();

 private:
  AgentProcess(const AgentCommand& command, Watch& watch) : command_(command), watch_(watch) {}
  void Listen();
  void Reap();
  std::string LastWords() const;

  struct Stream {
    base::UniqueFd fd;
    std::string rest;
  };
  void Drain(Stream& stream, bool is_log);
  void TakeLine(const std::string& line, bool is_log);

  const AgentCommand command_;
  Watch& watch_;
  pid_t pid_ = -1;
  base::UniqueFd pidfd_;
  Stream out_;
  Stream err_;
  std::optional<int> status_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::milliseconds armed_after_{0};
  std::vector<nlohmann::json> events_;
  std::vector<std::string> garbage_;
  std::vector<std::string> log_;
};

}  // namespace oomtrail::scenarios
