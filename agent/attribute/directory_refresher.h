// Keeps the PodDirectory filled: asks each name source at the start, once a period, and when a name
// is missing. Nobody ever waits for it.
//
// One thread a source, so that one which hangs holds up no other. Owned by main, which calls
// Start() and Stop(); everything else may be called from any thread. A source that goes away or
// comes back is logged once, not at every try.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/attribute/name_source.h"
#include "agent/attribute/pod_directory.h"
#include "agent/attribute/refresh_schedule.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"

namespace oomtrail::attribute {

struct SourceState {
  std::string name;
  std::string where;
  bool present = true;  // there is somebody to ask, or was once
  std::optional<int64_t> last_success_wall_ns;
  std::string last_error;  // of the last try; empty if that succeeded
  uint32_t failures_in_a_row = 0;
  uint64_t successes = 0;
  std::map<std::string, uint64_t> failures;  // by status code, "DEADLINE_EXCEEDED"
  size_t containers = 0;                     // in the last listing, without sandboxes
  Skipped skipped;                           // in the last listing
};

class DirectoryRefresher {
 public:
  // Called after each update, by one thread at a time; it may be any source's.
  using OnChange = std::function<void(uint64_t generation)>;

  DirectoryRefresher(PodDirectory& directory, const base::Clock& clock, const base::Log& log,
                     OnChange on_change);
  ~DirectoryRefresher();  // stops

  // Before Start().
  void AddSource(std::unique_ptr<NameSource> source);
  void Start();
  // Cancels what is being asked and joins the threads; no callback runs afterwards. Idempotent.
  void Stop();

  // A name is missing, or a container was just made: ask all sources soon. Returns at once, and
  // may be called as often as one likes.
  void Request();

  // In the order of AddSource().
  std::vector<SourceState> States() const;
  // Whether somebody may bring names.
  bool AnyPresent() const;

 private:
  class Worker;

  PodDirectory& directory_;
  const base::Clock& clock_;
  const base::Log& log_;
  const OnChange on_change_;
  base::Mutex change_mutex_;  // held while on_change_ runs
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace oomtrail::attribute
