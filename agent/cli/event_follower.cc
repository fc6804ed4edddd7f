#include "agent/cli/event_follower.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/client_error.h"
#include "agent/cli/client_session.h"
#include "agent/cli/event_query.h"
#include "oomtrail/v1/event_service.grpc.pb.h"

namespace oomtrail::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{200};
constexpr milliseconds kLongestWait{5000};
// A connection that held for so long was a good one: the next wait is short again.
constexpr milliseconds kGoodConnection{5000};

}  // namespace

EventFollower::EventFollower(const EventOptions& options, const ClientChannel& server,
                             EventReader& reader, Interruption& interruption)
    : options_(options),
      server_(server),
      reader_(reader),
      interruption_(interruption),
      started_wall_ns_(base::SystemClock().WallNanos()),
      wait_(kFirstWait) {}

absl::Status EventFollower::Follow(std::string cursor) {
  cursor_ = std::move(cursor);
  if (options_.timeout_seconds != 0) {
    interruption_.EndAfter(std::chrono::seconds(options_.timeout_seconds));
  }
  while (true) {
    connected_ = false;
    const Ended ended = Attempt();
    if (Enough()) return absl::OkStatus();
    if (interruption_.requested()) return Interrupted();
    RETURN_IF_ERROR(Judge(ended));
  }
}

EventFollower::Ended EventFollower::Attempt() {
  const auto channel = server_.Connect();
  if (!channel.ok()) return {.telling = channel.status()};
  const auto stub = v1::EventService::NewStub(*channel);
  v1::WatchEventsRequest request = WatchRequest(options_, cursor_);
  // Not the first attempt, and no cursor came yet: what happened since this command began is still
  // wanted.
  if (std::exchange(tried_, true) && cursor_.empty() && !request.has_since() &&
      request.number() == 0) {
    request.mutable_since()->set_seconds(started_wall_ns_ / 1'000'000'000);
  }
  grpc::ClientContext context;
  const Interruption::Call call(interruption_, context);
  const auto stream = stub->WatchEvents(&context, request);
  v1::WatchEventsResponse item;
  absl::Status telling;
  while (telling.ok() && stream->Read(&item)) telling = Tell(item);
  if (!telling.ok()) context.TryCancel();
  return {.stream = stream->Finish(), .telling = telling};
}

absl::Status EventFollower::Tell(const v1::WatchEventsResponse& item) {
  NoteProgress();
  switch (item.item_case()) {
    case v1::WatchEventsResponse::kEvent:
      RETURN_IF_ERROR(reader_.Tell(item.event(), item.cursor()));
      Count(item.event().id());
      break;
    case v1::WatchEventsResponse::kAmendment:
      RETURN_IF_ERROR(reader_.Tell(item.amendment(), item.cursor()));
      Count(item.amendment().id());
      break;
    case v1::WatchEventsResponse::kLost:
      RETURN_IF_ERROR(reader_.Tell(item.lost(), item.cursor()));
      break;
    case v1::WatchEventsResponse::kBookmark: break;
    default: reader_.Skip(); break;
  }
  RETURN_IF_ERROR(reader_.Flush());
  // Only now: what was not written is to be told again.
  if (!item.cursor().empty()) cursor_ = item.cursor();
  return Enough() ? absl::CancelledError("enough") : absl::OkStatus();
}

// Nobody who sends ids of megabytes gets them kept.
void EventFollower::Count(const std::string& id) {
  constexpr size_t kMaxIdBytes = 128;
  if (options_.stop_after != 0) told_.insert(id.substr(0, kMaxIdBytes));
}

absl::Status EventFollower::Interrupted() const {
  if (!interruption_.timed_out() || options_.stop_after == 0) {
    return absl::CancelledError("interrupted");
  }
  return absl::DeadlineExceededError(base::StrCat("--timeout: in ", options_.timeout_seconds,
                                                  " s, ", told_.size(), " of ", options_.stop_after,
                                                  " events were told"));
}

void EventFollower::NoteProgress() {
  if (std::exchange(connected_, true)) return;
  connected_at_ = std::chrono::steady_clock::now();
  ever_connected_ = true;
  skipped_expired_ = false;
  if (std::exchange(told_outage_, false)) {
    Say(base::StrCat("connected again to ", server_.address().text()));
  }
}

absl::Status EventFollower::Judge(const Ended& ended) {
  RETURN_IF_ERROR(ended.telling);
  const auto oldest = OldestCursor(ended.stream);
  if (oldest && *oldest != cursor_) {
    if (!options_.reconnect) {
      return absl::OutOfRangeError(base::StrCat("the agent no longer has the events after ",
                                                cursor_, "; it has those after --cursor ",
                                                *oldest));
    }
    return SkipExpired(*oldest);
  }
  absl::Status why = ended.stream.ok()
                         ? absl::UnavailableError(base::StrCat(server_.address().text(),
                                                               ": the agent ended the stream"))
                         : server_.Explain(ended.stream);
  if (!options_.reconnect) {
    const bool again = ever_connected_ && WorthTryingAgain(ended.stream);
    return again ? absl::UnavailableError(
                       base::StrCat(why.message(), " (--reconnect goes on after a restart)"))
                 : why;
  }
  // A permission or a certificate that was wrong from the beginning does not mend by itself.
  const bool hopeless = absl::IsPermissionDenied(why) || absl::IsUnauthenticated(why);
  if (!WorthTryingAgain(ended.stream) || (hopeless && !ever_connected_)) return why;
  if (!std::exchange(told_outage_, true)) Say(base::StrCat(why.message(), "; trying again"));
  if (!interruption_.WaitFor(NextWait())) return Interrupted();
  return absl::OkStatus();
}

absl::Status EventFollower::SkipExpired(const std::string& oldest) {
  Say(base::StrCat("LOST events between the cursors ", cursor_, " and ", oldest,
                   ": the agent no longer has them"));
  cursor_ = oldest;
  // It may have expired by now, but an agent that always says so is not to be asked in a hurry.
  if (std::exchange(skipped_expired_, true) && !interruption_.WaitFor(NextWait())) {
    return Interrupted();
  }
  return absl::OkStatus();
}

milliseconds EventFollower::NextWait() {
  if (connected_ && std::chrono::steady_clock::now() - connected_at_ >= kGoodConnection) {
    wait_ = kFirstWait;
  }
  const milliseconds longest = wait_;
  wait_ = std::min(wait_ * 2, kLongestWait);
  std::random_device random;
  return longest / 2 + milliseconds(random() % static_cast<unsigned>(longest.count() / 2 + 1));
}

}  // namespace oomtrail::cli
