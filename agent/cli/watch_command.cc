#include "agent/cli/client_session.h"
#include "agent/cli/commands.h"
#include "agent/cli/event_follower.h"
#include "agent/cli/event_reader.h"

namespace oomtrail::cli {

int RunWatch(const EventOptions& options) {
  return RunClient(options.client.server, [&options](const ClientSession& session) {
    EventReader reader(options.client, session.output);
    return EventFollower(options, session.server, reader, session.interruption)
        .Follow(options.cursor);
  });
}

}  // namespace oomtrail::cli
