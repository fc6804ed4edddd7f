// The live stream of an agent, told as it comes; with --reconnect across the agent's restarts,
// exactly after the last thing that was told. Owned and called by one thread.
#pragma once

#include <chrono>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "agent/cli/client_channel.h"
#include "agent/cli/event_reader.h"
#include "agent/cli/interruption.h"
#include "agent/cli/options.h"

namespace oomtrail::cli {

class EventFollower {
 public:
  EventFollower(const EventOptions& options, const ClientChannel& server, EventReader& reader,
                Interruption& interruption);

  // OK once --stop-after is reached, CANCELLED when the user has had enough, or the time is over
  // that was given; DEADLINE_EXCEEDED where it is over too early.
  absl::Status Follow(std::string cursor);

 private:
  struct Ended {
    grpc::Status stream;
    absl::Status telling;  // why we ended it
  };

  Ended Attempt();
  absl::Status Tell(const v1::WatchEventsResponse& item);
  // OK: to be tried again.
  absl::Status Judge(const Ended& ended);
  absl::Status SkipExpired(const std::string& oldest);
  void NoteProgress();
  void Count(const std::string& id);
  bool Enough() const { return options_.stop_after != 0 && told_.size() >= options_.stop_after; }
  absl::Status Interrupted() const;
  // The wait before the next attempt: half of it is left to chance, so that many clients of one
  // agent do not come back as one.
  std::chrono::milliseconds NextWait();

  const EventOptions& options_;
  const ClientChannel& server_;
  EventReader& reader_;
  Interruption& interruption_;
  const int64_t started_wall_ns_;
  std::string cursor_;
  std::set<std::string> told_;  // ids, for --stop-after: an amendment is no other event
  bool tried_ = false;
  bool ever_connected_ = false;
  bool connected_ = false;
  bool told_outage_ = false;
  bool skipped_expired_ = false;  // and has not been answered since
  std::chrono::steady_clock::time_point connected_at_;
  std::chrono::milliseconds wait_;
};

}  // namespace oomtrail::cli
