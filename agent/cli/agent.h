// The node agent put together: kernel → pipeline → outputs, and who may ask for what.
//
// Owned and called by one thread, but for what a server asks of it (any thread).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/attribute/attributor.h"
#include "agent/attribute/directory_refresher.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/base/unique_fd.h"
#include "agent/cli/event_loop.h"
#include "agent/cli/event_outputs.h"
#include "agent/cli/feed.h"
#include "agent/cli/forewarning.h"
#include "agent/cli/node.h"
#include "agent/cli/options.h"
#include "agent/cli/pipeline.h"
#include "agent/cli/serving.h"

namespace oomtrail::cli {

class Agent {
 public:
  // The parts that a wrong flag may refuse to make are made by the caller.
  Agent(const AgentOptions& options, const base::Clock& clock, const base::Log& log,
        std::unique_ptr<EventLoop> loop,
        std::vector<std::unique_ptr<attribute::NameSource>> sources,
        std::unique_ptr<EventOutputs> outputs);

  absl::Status Open(const ServingDoor& door);
  // Until a signal.
  void Run();

 private:
  absl::Status OpenKernel();
  void OpenNames();
  void NoteSources();
  absl::Status OpenPipeline();
  absl::Status OpenDoor(const ServingDoor& door);
  void Tick();
  void FlushOutput();
  void Ask();
  void AskAgain();
  publish::NodeStatus Status() const;
  bool Alive() const;
  bool Ready() const;
  std::string RenderMetrics() const;
  void TellMetricsOfContainers();
  void NoteUnattributed();

  const AgentOptions& options_;
  const base::Clock& clock_;
  const base::Log& log_;
  const int64_t start_wall_ns_;
  std::vector<std::unique_ptr<attribute::NameSource>> sources_;
  const std::unique_ptr<EventLoop> loop_;
  const std::unique_ptr<EventOutputs> outputs_;
  Node node_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<attribute::PodDirectory> directory_;
  base::UniqueFd names_changed_;
  std::unique_ptr<attribute::DirectoryRefresher> refresher_;
  bool has_sources_ = false;  // somebody may bring names
  std::unique_ptr<attribute::Attributor> attributor_;
  std::unique_ptr<Forewarning> forewarning_;
  std::unique_ptr<Pipeline> pipeline_;
  uint64_t waiting_ticks_ = 0;       // for names
  uint64_t metrics_generation_ = 0;  // of the directory, as the metrics know it

  std::atomic<uint64_t> ticked_ns_ = 0;
  mutable base::Mutex mutex_;
  std::map<std::string, uint64_t> unattributed_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<Serving> serving_;  // the last: it asks all of the above
};

}  // namespace oomtrail::cli
