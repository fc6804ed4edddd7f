#include "agent/cli/client_session.h"

#include <grpc/grpc.h>
#include <stdlib.h>
#include <unistd.h>

#include <iostream>

#include "agent/base/printable.h"
#include "agent/base/strings.h"

namespace oomtrail::cli {
namespace {

int Fail(const absl::Status& status, int code) {
  Say(std::string_view(status.message().data(), status.message().size()));
  return code;
}

}  // namespace

void Say(std::string_view text) {
  std::cerr << base::StrCat("oomtrail: ", base::Printable(text), "\n") << std::flush;
}

int RunClient(const ServerOptions& options,
              const std::function<absl::Status(const ClientSession&)>& command) {
  // gRPC has lines of its own for stderr; what they say, ours say better. Whoever debugs it can
  // still ask for them.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // Before gRPC, which starts threads: one that does not block SIGINT dies of it.
  const auto interruption = Interruption::Create(STDOUT_FILENO);
  if (!interruption.ok()) return Fail(interruption.status(), kExitFailed);
  // Held for good: when its last user goes, gRPC may wait ten seconds for a poller of its own, and
  // ctrl-C with it.
  ::grpc_init();
  const auto server = ClientChannel::Create(options);
  if (!server.ok()) return Fail(server.status(), kExitUsage);
  Output output(STDOUT_FILENO, (*interruption)->fd());
  absl::Status status = output.Check();
  if (status.ok()) status = command({*server, **interruption, output});
  return status.ok() || absl::IsCancelled(status) ? kExitOk : Fail(status, kExitFailed);
}

}  // namespace oomtrail::cli
