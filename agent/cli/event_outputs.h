// Where events go: the journal and its subscribers, the metrics, and a line on stdout.
//
// Owned and called by the pipeline's thread; what says so may be called by any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mutex.h"
#include "agent/cli/options.h"
#include "agent/journal/journal.h"
#include "agent/model/event.h"
#include "agent/publish/line_writer.h"
#include "agent/publish/metrics.h"
#include "agent/publish/stream.h"

namespace oomtrail::cli {

class EventOutputs {
 public:
  // Opens the journal, and takes the counters of the agent before this one from it.
  static absl::StatusOr<std::unique_ptr<EventOutputs>> Open(const AgentOptions& options,
                                                            bool has_sources,
                                                            const base::Clock& clock,
                                                            const base::Log& log);
  ~EventOutputs();

  void Publish(model::Event event);
  // Once a second.
  void Tick();
  // Writes what stdout did not take. Returns how many lines were dropped since it last took all.
  uint64_t Flush();

  publish::Stream& stream() { return stream_; }
  publish::Metrics& metrics() { return metrics_; }  // any thread

  // Any thread: events told since the start, and what was lost, by stage.
  struct Totals {
    uint64_t events = 0;
    std::map<std::string, uint64_t> losses;
  };
  Totals totals() const;

 private:
  EventOutputs(const AgentOptions& options, bool has_sources, const base::Clock& clock,
               const base::Log& log, std::unique_ptr<journal::Journal> journal);
  void RestoreMetrics();
  void CountJournal(uint64_t after);
  void SaveMetrics();

  const base::LogFormat format_;
  const base::Log& log_;
  const std::unique_ptr<journal::Journal> journal_;
  publish::Stream stream_;
  publish::Metrics metrics_;
  publish::LineWriter lines_;
  uint64_t saved_head_ = 0;
  uint64_t ticks_ = 0;
  bool told_broken_ = false;

  mutable base::Mutex mutex_;
  Totals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace oomtrail::cli
