#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/client_session.h"
#include "agent/cli/commands.h"
#include "agent/cli/output.h"
#include "agent/cli/usage_view.h"
#include "oomtrail/v1/node_service.grpc.pb.h"

namespace oomtrail::cli {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kPartingPatience{2};
constexpr uint32_t kMost = 1000;             // what one answer holds
constexpr uint32_t kLeastLeaseSeconds = 30;  // of tracking, so that a late answer does not end it
// To the first place of the screen, and what is below is gone.
constexpr std::string_view kFromTheTop = "\x1b[H\x1b[J";

int TerminalRows(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

class Top {
 public:
  Top(const TopOptions& options, const ClientSession& session,
      const std::shared_ptr<grpc::Channel>& channel)
      : options_(options),
        session_(session),
        stub_(v1::NodeService::NewStub(channel)),
        terminal_(::isatty(STDOUT_FILENO) == 1 && !options.once &&
                  options.client.output != OutputFormat::kJson) {}

  absl::Status Run() {
    if (options_.track) RETURN_IF_ERROR(Track());
    absl::Status status = Show();
    if (options_.track) EndTracking();
    return status;
  }

 private:
  absl::Status Show() {
    const std::chrono::seconds interval(options_.interval_seconds);
    ASSIGN_OR_RETURN(v1::ListUsageResponse now, Ask());
    // Rates take two answers.
    const bool rates = now.tracking().mode() > v1::TRACKING_MODE_OFF;
    std::optional<v1::ListUsageResponse> before;
    while (true) {
      if (!options_.once || before || !rates) RETURN_IF_ERROR(Write(now, before));
      if (options_.once && (before || !rates)) return absl::OkStatus();
      if (!session_.interruption.WaitFor(interval)) return absl::CancelledError("interrupted");
      if (options_.track) RETURN_IF_ERROR(Track());
      before = std::move(now);
      ASSIGN_OR_RETURN(now, Ask());
    }
  }

  absl::StatusOr<v1::ListUsageResponse> Ask() const {
    v1::ListUsageRequest request;
    for (const std::string& name : options_.namespaces) request.add_namespaces(name);
    request.set_number(kMost);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const Interruption::Call call(session_.interruption, context);
    v1::ListUsageResponse answer;
    const grpc::Status status = stub_->ListUsage(&context, request, &answer);
    if (session_.interruption.requested()) return absl::CancelledError("interrupted");
    if (!status.ok()) return session_.server.Explain(status);
    return answer;
  }

  // For a while only: whatever becomes of this program, the agent then stops by itself.
  absl::Status Track() const {
    v1::SetTrackingRequest request;
    request.set_mode(v1::TRACKING_MODE_ADAPTIVE);
    request.set_seconds(std::max(kLeastLeaseSeconds, 3 * options_.interval_seconds));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const Interruption::Call call(session_.interruption, context);
    v1::SetTrackingResponse answer;
    const grpc::Status status = stub_->SetTracking(&context, request, &answer);
    if (session_.interruption.requested()) return absl::CancelledError("interrupted");
    if (!status.ok()) return base::Annotate(session_.server.Explain(status), "--track");
    return absl::OkStatus();
  }

  // Also when the user has had enough: this call is not cut short.
  void EndTracking() const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPartingPatience);
    v1::SetTrackingResponse answer;
    stub_->SetTracking(&context, v1::SetTrackingRequest(), &answer);
  }

  absl::Status Write(const v1::ListUsageResponse& now,
                     const std::optional<v1::ListUsageResponse>& before) {
    if (options_.client.output == OutputFormat::kJson) {
      RETURN_IF_ERROR(session_.output.Write(UsageJson(now, before) + '\n'));
      return session_.output.Flush();
    }
    const UsageScreen screen{.sort = options_.sort,
                             .columns = TerminalColumns(STDOUT_FILENO),
                             .rows = terminal_ ? TerminalRows(STDOUT_FILENO) : 0,
                             .color = WantsColor(options_.client.color, STDOUT_FILENO)};
    const bool first = !std::exchange(begun_, true);
    RETURN_IF_ERROR(session_.output.Write(base::StrCat(terminal_ ? kFromTheTop
                                                       : first   ? ""
                                                                 : "\n",
                                                       UsageTable(now, before, screen))));
    return session_.output.Flush();
  }

  const TopOptions& options_;
  const ClientSession& session_;
  const std::unique_ptr<v1::NodeService::Stub> stub_;
  const bool terminal_;
  bool begun_ = false;
};

absl::Status RunTop(const TopOptions& options, const ClientSession& session) {
  ASSIGN_OR_RETURN(const auto channel, session.server.Connect());
  return Top(options, session, channel).Run();
}

}  // namespace

int RunTop(const TopOptions& options) {
  return RunClient(options.client.server,
                   [&options](const ClientSession& session) { return RunTop(options, session); });
}

}  // namespace oomtrail::cli
