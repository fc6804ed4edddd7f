// What the agent tells Prometheus: counts every event and renders the page. docs/metrics.md says
// what each metric means. Thread-safe: the pipeline's thread counts, the HTTP server's renders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/model/event.h"
#include "agent/publish/counters.h"

namespace oomtrail::publish {

// What is so at the moment of a scrape: the caller asks those who know.
struct Gauges {
  struct Hook {
    std::string hook;
    std::string method;  // empty: none works
  };
  struct NameSource {
    std::string source;
    bool up = false;
  };
  struct Journal {
    uint64_t events = 0;
    uint64_t bytes = 0;
    uint64_t unwritten_events = 0;
  };

  // How a container's memory moves.
  struct Trend {
    ContainerName name;
    double growth_bytes_per_second = 0;
    std::optional<double> seconds_to_limit;
  };

  std::string version;
  double start_time_seconds = 0;  // since the epoch
  std::vector<Hook> hooks;
  std::vector<NameSource> name_sources;
  uint64_t subscribers = 0;
  uint64_t containers = 0;         // listed, without sandboxes
  std::optional<Journal> journal;  // absent: there is none
  std::string usage_reader;        // empty: nobody looks out
  std::vector<Trend> trends;       // without a name: left out
};

class Metrics {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  using Options = Counters::Options;

  // `proc_self`: of the process that the page tells of.
  Metrics(const base::Clock& clock, Options options, std::string proc_self = "/proc/self");

  // Every event and every amendment, in order. What comes twice is counted once.
  void Count(const model::Event& event);
  // The same for one read back from the journal after a restart.
  void CountFromJournal(const model::Event& event);

  // The complete list of the containers that some name source lists, without sandboxes, whenever it
  // changes. Their series are there from now on; those of others go, an hour after.
  void SetContainers(std::vector<ContainerName> containers);

  // Somebody may bring names from now on, where nobody might before.
  void ExpectNames();

  // Time has passed: call it every few seconds.
  void Tick();

  // The page, in kContentType. Blocks Count() while it writes the counters (about 1 ms for 2,000
  // series).
  std::string Render(const Gauges& gauges) const;

  // All counters as of the events counted so far, and the kills not yet counted that wait for
  // names. Restoring them and counting the events after them again loses nothing and counts nothing
  // twice, even if some of those before them come again (the last 1,024).
  std::string Save() const;
  // At start, before anything else. DATA_LOSS for text that Save() did not write: nothing is
  // restored then.
  absl::Status Restore(std::string_view saved);

 private:
  const base::Clock& clock_;
  const Options options_;
  const std::string proc_self_;
  // Once and for all: the boot time's place on the wall clock moves, and changes() would see it.
  const double process_start_seconds_;

  mutable base::Mutex mutex_;
  Counters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace oomtrail::publish
