// The program under test: `oomtrail agent`, its events and its log as they come.
//
// Owned and called by the test's one thread. Destroying it ends the process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/host/containerd/program.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

using Json = nlohmann::json;

inline constexpr const char* kNodeName = "containerd-node";

class Agent {
 public:
  // Returns once its hooks are armed. `flags`: where it asks for names.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(Watch& watch, const std::string& program,
                                                      const std::vector<std::string>& flags);

  pid_t pid() const { return program_->pid(); }
  // How it sees victims: "tp_btf".
  const std::string& method() const { return method_; }
  // Whether the limit's owner can only be inferred: oom_control is out of reach.
  bool infers() const;

  // The revisions of the event about this victim, in the order they came.
  std::vector<const Json*> EventsOf(pid_t pid) const;
  // From the victim's kill until the first event about it was read here.
  std::chrono::nanoseconds DelayOf(pid_t pid) const;
  // Events below the cgroup `top` about victims that nobody asked for with EventsOf, losses, and
  // lines that are no events: one description each.
  std::vector<std::string> Unexpected(const std::string& top) const;

  // Lines of its log with all of the parts.
  size_t CountLog(const std::vector<std::string>& parts) const;
  absl::Status AwaitLog(const std::vector<std::string>& parts, size_t count = 1);
  const std::vector<std::string>& log() const { return log_; }

  absl::Status Pause() const { return program_->Pause(); }
  void Resume() const { program_->Resume(); }
  // SIGTERM: it must exit 0.
  absl::Status Stop();

 private:
  explicit Agent(Watch& watch) : watch_(watch) {}
  void TakeEvent(std::string_view line);
  void TakeLog(std::string_view line);

  Watch& watch_;
  std::deque<Json> events_;  // that stay where they are
  std::map<pid_t, uint64_t> came_boot_ns_;
  std::vector<std::string> garbage_;
  std::vector<std::string> log_;
  std::string method_;
  mutable std::set<pid_t> asked_;
  std::unique_ptr<Program> program_;
};

}  // namespace oomtrail::containerd
