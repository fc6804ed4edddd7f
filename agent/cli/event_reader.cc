#include "agent/cli/event_reader.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/cli/client_session.h"
#include "agent/publish/event_proto.h"

namespace oomtrail::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;

// A loss as the event of its kind, so that it has the one JSON form. When the node was booted, and
// so the time since, is not told with it.
model::Event Loss(std::string_view stage, uint64_t count, int64_t wall_ns,
                  const std::string& cursor) {
  model::Event event;
  event.kind = model::Kind::kLost;
  event.wall_ns = wall_ns;
  event.cursor = cursor;
  event.loss = model::Loss{.stage = std::string(stage), .count = count};
  event.id = absl::StrFormat("l%x-%s", wall_ns, event.loss->stage);
  return event;
}

std::string_view Stage(const v1::Lost& lost) {
  switch (lost.source()) {
    case v1::LOST_SOURCE_SUBSCRIBER: return "subscriber_queue";
    case v1::LOST_SOURCE_JOURNAL: return "journal";
    default: return lost.stage().empty() ? "unknown" : std::string_view(lost.stage());
  }
}

int64_t Now() { return base::SystemClock().WallNanos(); }

}  // namespace

EventReader::EventReader(const ClientOptions& options, Output& output)
    : output_(output),
      printer_(options.output, WantsColor(options.color, STDOUT_FILENO),
               TerminalColumns(STDOUT_FILENO)) {}

absl::Status EventReader::Tell(const v1::Event& event, const std::string& cursor) {
  auto read = publish::FromProto(event);
  if (absl::IsUnimplemented(read.status())) {
    Skip();
    return absl::OkStatus();
  }
  if (!read.ok()) return base::Annotate(read.status(), "the agent sent what it never would");
  read->cursor = cursor;
  return output_.Write(printer_.Print(*read));
}

absl::Status EventReader::Tell(const v1::Lost& lost, const std::string& cursor) {
  const auto& time = lost.time();
  const bool told = lost.has_time() && time.seconds() >= 0 && time.seconds() < kMaxSeconds &&
                    time.nanos() >= 0 && time.nanos() < kNanosPerSecond;
  const int64_t wall_ns = told ? time.seconds() * kNanosPerSecond + time.nanos() : Now();
  return output_.Write(printer_.Print(Loss(Stage(lost), lost.count(), wall_ns, cursor)));
}

absl::Status EventReader::TellLost(std::string_view stage, uint64_t count,
                                   const std::string& cursor) {
  return output_.Write(printer_.Print(Loss(stage, count, Now(), cursor)));
}

void EventReader::Skip() {
  if (std::exchange(skipped_, true)) return;
  Say("events of a kind that this version does not know are left out: the agent is newer");
}

}  // namespace oomtrail::cli
