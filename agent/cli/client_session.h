// What every client command begins and ends with.
#pragma once

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "agent/cli/client_channel.h"
#include "agent/cli/interruption.h"
#include "agent/cli/options.h"
#include "agent/cli/output.h"

namespace oomtrail::cli {

// A command's parts, which live as long as it runs.
struct ClientSession {
  const ClientChannel& server;
  Interruption& interruption;
  Output& output;
};

// Runs `command` and says, in one line, why it could not be begun or why it failed. Returns the
// exit code: a user who has had enough (CANCELLED) is no failure.
int RunClient(const ServerOptions& options,
              const std::function<absl::Status(const ClientSession&)>& command);

// One line on stderr, "oomtrail: <text>", made printable: the text may be anybody's.
void Say(std::string_view text);

}  // namespace oomtrail::cli
