// What an agent sends, told to the user: events as lines on stdout, the rest on stderr. Nothing
// that is sent is trusted. Owned and called by one thread.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/cli/event_printer.h"
#include "agent/cli/options.h"
#include "agent/cli/output.h"
#include "oomtrail/v1/event_service.pb.h"

namespace oomtrail::cli {

class EventReader {
 public:
  EventReader(const ClientOptions& options, Output& output);

  // CANCELLED: nobody wants to read on. INVALID_ARGUMENT: this is none of an agent's events.
  absl::Status Tell(const v1::Event& event, const std::string& cursor);
  absl::Status Tell(const v1::Lost& lost, const std::string& cursor);
  absl::Status TellLost(std::string_view stage, uint64_t count, const std::string& cursor);
  // An item or event of a kind that only a newer agent knows. Said once.
  void Skip();

  absl::Status Flush() { return output_.Flush(); }

 private:
  Output& output_;
  EventPrinter printer_;
  bool skipped_ = false;
};

}  // namespace oomtrail::cli
