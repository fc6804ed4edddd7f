#include "agent/cli/client_error.h"

#include <string_view>

#include "agent/base/strings.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace oomtrail::cli {
namespace {

constexpr size_t kMaxQuotedBytes = 400;
constexpr size_t kMaxCursorBytes = 1024;
constexpr int kMaxViolations = 3;

std::string Quote(std::string_view text) { return std::string(text.substr(0, kMaxQuotedBytes)); }

// The first detail of this type; false where there is none.
template <typename Detail>
bool FindDetail(const grpc::Status& status, Detail* detail) {
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return false;
  for (const auto& any : rich.details()) {
    if (any.Is<Detail>() && any.UnpackTo(detail)) return true;
  }
  return false;
}

std::string Violations(const google::rpc::BadRequest& request) {
  std::string text;
  int told = 0;
  for (const auto& violation : request.field_violations()) {
    if (told++ == kMaxViolations) break;
    base::StrAppend(&text, text.empty() ? "" : "; ", Quote(violation.field()), ": ",
                    Quote(violation.description()));
  }
  return text;
}

// "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to
// remote host: Connection refused": of these words, those after the last of gRPC's own.
std::string_view Cause(std::string_view said) {
  for (const std::string_view own : {"last error: ", "remote host: "}) {
    const size_t at = said.rfind(own);
    if (at != std::string_view::npos) said.remove_prefix(at + own.size());
  }
  base::ConsumePrefix(&said, "UNKNOWN: ");
  if (said.starts_with("ipv4:") || said.starts_with("ipv6:") || said.starts_with("unix:")) {
    const size_t end = said.find(": ");
    if (end != std::string_view::npos) said.remove_prefix(end + 2);
  }
  return said;
}

}  // namespace

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::BadRequest request;
  if (code == absl::StatusCode::kInvalidArgument && FindDetail(status, &request) &&
      request.field_violations_size() != 0) {
    return absl::InvalidArgumentError(
        base::StrCat("the agent refuses the request: ", Violations(request)));
  }
  const std::string said = Quote(Cause(status.error_message()));
  switch (code) {
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(
          base::StrCat(said, said.empty() ? "" : "; ",
                       "is this an oomtrail agent, and as new as this command?"));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::DeadlineExceededError(
          "no answer in time: the agent hangs, or something between");
    default:
      return absl::Status(code, said.empty() ? base::StrCat("the call failed with gRPC code ",
                                                            static_cast<int>(status.error_code()))
                                             : said);
  }
}

std::optional<std::string> OldestCursor(const grpc::Status& status) {
  google::rpc::ErrorInfo reason;
  if (status.error_code() != grpc::StatusCode::OUT_OF_RANGE || !FindDetail(status, &reason) ||
      reason.reason() != "CURSOR_EXPIRED") {
    return std::nullopt;
  }
  const auto cursor = reason.metadata().find("oldest_cursor");
  if (cursor == reason.metadata().end() || cursor->second.empty() ||
      cursor->second.size() > kMaxCursorBytes) {
    return std::nullopt;
  }
  return cursor->second;
}

bool WorthTryingAgain(const grpc::Status& status) {
  const std::string said = status.error_message();  // a copy: it is returned by value
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::ABORTED: return true;
    // Too many subscribers may be fewer soon; a message too large stays so.
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return !base::StrContains(said, "larger than max");
    // How an agent that is killed within a stream may look.
    case grpc::StatusCode::INTERNAL: return base::StrContains(said, "RST_STREAM");
    case grpc::StatusCode::UNKNOWN: return base::StrContains(said, "Stream removed");
    default: return false;
  }
}

}  // namespace oomtrail::cli
