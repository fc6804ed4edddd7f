#include <unistd.h>

#include <chrono>

#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/cli/client_session.h"
#include "agent/cli/commands.h"
#include "agent/cli/node_status.h"
#include "agent/cli/output.h"
#include "oomtrail/v1/node_service.grpc.pb.h"

namespace oomtrail::cli {
namespace {

constexpr std::chrono::seconds kPatience{10};

absl::Status ShowStatus(const ClientOptions& options, const ClientSession& session) {
  ASSIGN_OR_RETURN(const auto channel, session.server.Connect());
  const auto stub = v1::NodeService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const Interruption::Call call(session.interruption, context);
  v1::GetNodeStatusResponse answer;
  const grpc::Status status = stub->GetNodeStatus(&context, v1::GetNodeStatusRequest(), &answer);
  if (session.interruption.requested()) return absl::CancelledError("interrupted");
  if (!status.ok()) return session.server.Explain(status);
  const bool color = WantsColor(options.color, STDOUT_FILENO);
  RETURN_IF_ERROR(
      session.output.Write(options.output == OutputFormat::kJson
                               ? NodeStatusJson(answer) + '\n'
                               : NodeStatusText(answer, base::SystemClock().WallNanos(), color)));
  return session.output.Flush();
}

}  // namespace

int RunStatus(const ClientOptions& options) {
  return RunClient(options.server, [&options](const ClientSession& session) {
    return ShowStatus(options, session);
  });
}

}  // namespace oomtrail::cli
