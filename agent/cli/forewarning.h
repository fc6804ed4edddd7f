// What comes before a kill, for the agent: the lookout gets this node's cgroups and the rules of
// its pods, and what it finds becomes events. Absent parts are off: --warn off, --track never.
//
// Owned and called by the pipeline's thread, but for what says so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/unique_fd.h"
#include "agent/cli/event_loop.h"
#include "agent/cli/node.h"
#include "agent/cli/options.h"
#include "agent/cli/tracking.h"
#include "agent/forecast/lookout.h"
#include "agent/publish/metrics.h"
#include "agent/publish/node_status.h"
#include "agent/publish/usage_report.h"
#include "agent/resolve/resolved_kill.h"

namespace oomtrail::cli {

class Forewarning {
 public:
  // All of these must outlive it.
  Forewarning(const AgentOptions& options, const Node& node,
              const attribute::PodDirectory& directory, const base::Clock& clock,
              const base::Log& log);

  // Starts to look out. `on_notice` is called in `loop`, for each warning and for its outcome.
  absl::Status Open(EventLoop& loop, std::function<void(const forecast::Notice&)> on_notice);

  // Each second: tells the lookout of new cgroups and of what pods wish. Where no hook tells of
  // cgroups, they are looked for every ten seconds.
  void Tick();
  // Absent where nobody looks out. Its warning ends with the kill: OnNotice follows.
  std::optional<model::Warned> OnKill(const resolve::ResolvedKill& resolved);

  // Any thread, from Open() on.
  publish::UsageReport Usage() const;
  void Fill(publish::NodeStatus& status) const;
  void Fill(publish::Gauges& gauges) const;
  absl::Status SetTracking(const kernel::TrackingOptions& options, uint32_t seconds) {
    return tracking_.Set(options, seconds);
  }

 private:
  void TellCgroups();
  void TellRules();
  void TellNotices();
  void NoteWrong(const attribute::FoundContainer& found, const std::vector<std::string>& wrong,
                 absl::flat_hash_set<std::string>& noted);

  const AgentOptions& options_;
  const Node& node_;
  const attribute::PodDirectory& directory_;
  const base::Clock& clock_;
  const base::Log& log_;
  std::function<void(const forecast::Notice&)> on_notice_;
  std::optional<uint64_t> index_generation_;                         // as the lookout knows it
  std::optional<uint64_t> directory_generation_;                     // as well
  absl::flat_hash_map<std::string, std::vector<uint64_t>> cgroups_;  // ids, by container id
  absl::flat_hash_set<std::string> noted_;  // pods whose annotations are wrong, and were told
  uint64_t ticks_ = 0;
  Tracking tracking_;
  base::UniqueFd woken_;
  std::unique_ptr<forecast::Lookout> lookout_;  // the last: its thread writes to woken_
};

}  // namespace oomtrail::cli
