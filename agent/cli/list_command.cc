#include <chrono>
#include <string>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/client_channel.h"
#include "agent/cli/client_error.h"
#include "agent/cli/client_session.h"
#include "agent/cli/commands.h"
#include "agent/cli/event_follower.h"
#include "agent/cli/event_query.h"
#include "agent/cli/event_reader.h"
#include "agent/cli/interruption.h"
#include "oomtrail/v1/event_service.grpc.pb.h"

namespace oomtrail::cli {
namespace {

constexpr std::chrono::seconds kPagePatience{30};

absl::Status TellPage(const v1::ListEventsResponse& page, EventReader& reader) {
  if (page.lost() != 0) RETURN_IF_ERROR(reader.TellLost("journal", page.lost(), page.cursor()));
  for (const v1::ListedEvent& listed : page.events()) {
    RETURN_IF_ERROR(reader.Tell(listed.event(), listed.cursor()));
  }
  return reader.Flush();
}

// The cursor behind the last page.
absl::StatusOr<std::string> TellHistory(const EventOptions& options, const ClientChannel& server,
                                        EventReader& reader, Interruption& interruption) {
  ASSIGN_OR_RETURN(const auto channel, server.Connect());
  const auto stub = v1::EventService::NewStub(channel);
  v1::ListEventsRequest request = ListRequest(options);
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPagePatience);
    const Interruption::Call call(interruption, context);
    v1::ListEventsResponse page;
    const grpc::Status status = stub->ListEvents(&context, request, &page);
    if (interruption.requested()) return absl::CancelledError("interrupted");
    const auto oldest = OldestCursor(status);
    if (oldest) {
      return absl::OutOfRangeError(base::StrCat("the agent no longer has the events after ",
                                                request.page_token(),
                                                "; it has those after --cursor ", *oldest));
    }
    if (!status.ok()) return server.Explain(status);
    RETURN_IF_ERROR(TellPage(page, reader));
    if (page.next_page_token().empty()) return page.cursor();
    if (page.next_page_token() == request.page_token()) {
      return absl::DataLossError(
          base::StrCat(server.address().text(), ": the agent sends the same page again and again"));
    }
    request.clear_since();
    request.clear_number();
    request.set_page_token(page.next_page_token());
  }
}

absl::Status List(const EventOptions& options, const ClientSession& session) {
  EventReader reader(options.client, session.output);
  ASSIGN_OR_RETURN(std::string cursor,
                   TellHistory(options, session.server, reader, session.interruption));
  if (!options.follow) return absl::OkStatus();
  if (cursor.empty()) {
    return absl::DataLossError(base::StrCat(session.server.address().text(),
                                            ": the agent does not say where its history ends"));
  }
  return EventFollower(options, session.server, reader, session.interruption)
      .Follow(std::move(cursor));
}

}  // namespace

int RunList(const EventOptions& options) {
  return RunClient(options.client.server,
                   [&options](const ClientSession& session) { return List(options, session); });
}

}  // namespace oomtrail::cli
