#include "agent/attribute/kubelet_source.h"

#include <algorithm>
#include <utility>

#include "agent/attribute/http_exchange.h"
#include "agent/attribute/kubelet_pods_json.h"
#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

constexpr size_t kMaxTokenBytes = 64 << 10;

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsGraphic(char c) { return c > ' ' && c < 0x7f; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// "403 (Forbidden (user=…, verb=get, resource=nodes, subresource=proxy))"
std::string Quote(const HttpAnswer& answer) {
  const std::string_view text = Trim(answer.body);
  return text.empty() ? base::StrCat("status ", answer.status)
                      : base::StrCat("status ", answer.status, " (", text, ")");
}

absl::Status Refused(const HttpAnswer& answer, const std::string& token_file) {
  const std::string said = Quote(answer);
  if (answer.status == 401) {
    return absl::UnauthenticatedError(
        token_file.empty()
            ? base::StrCat(said, ": the kubelet wants a token; give --kubelet-token-file one")
            : base::StrCat(said, ": the kubelet does not accept the token in ", token_file,
                           " (--kubelet-token-file): is it of this cluster, and not expired?"));
  }
  if (answer.status == 403) {
    return absl::PermissionDeniedError(base::StrCat(
        said,
        ": the agent's service account may not read pods here; its RBAC role needs the verb get "
        "on nodes/pods (on nodes/proxy for Kubernetes 1.32 and older)"));
  }
  if (answer.status >= 300 && answer.status < 400) {
    return absl::FailedPreconditionError(base::StrCat(
        said, ": redirects are not followed; give --kubelet-url the kubelet's own address"));
  }
  if (answer.status == 404) {
    return absl::NotFoundError(
        base::StrCat(said, ": no pods are served there; is --kubelet-url a kubelet?"));
  }
  if (answer.status == 429 || answer.status >= 500) {
    return absl::UnavailableError(
        base::StrCat(said, ": the kubelet cannot answer now; its own log says why"));
  }
  return absl::UnknownError(base::StrCat(said, ": unexpected; is --kubelet-url a kubelet?"));
}

bool IsHtml(const HttpAnswer& answer) {
  return answer.content_type.starts_with("text/html") || Trim(answer.body).starts_with('<');
}

}  // namespace

KubeletSource::KubeletSource(KubeletUrl url, KubeletOptions options, Resolver resolver)
    : url_(std::move(url)),
      options_(std::move(options)),
      where_(url_.Text()),
      lookup_(std::move(resolver)) {}

absl::Status KubeletSource::CheckFiles() const {
  RETURN_IF_ERROR(Authorization().status());
  return url_.tls ? CheckTrust(options_.trust) : absl::OkStatus();
}

absl::StatusOr<Listing> KubeletSource::List() {
  auto listing = Ask();
  if (listing.ok()) return listing;
  return base::Annotate(listing.status(), base::StrCat("kubelet ", where_));
}

absl::StatusOr<Listing> KubeletSource::Ask() {
  const SigpipeBlocked sigpipe_blocked;
  const Patience patience{std::chrono::steady_clock::now() + options_.total_timeout,
                          options_.idle_timeout, cancel_.fd()};
  ASSIGN_OR_RETURN(const std::string authorization, Authorization());
  ASSIGN_OR_RETURN(const auto addresses,
                   lookup_.Find(url_.host, url_.port, patience.until, patience.cancel_fd));
  ASSIGN_OR_RETURN(
      const auto connection,
      TlsConnection::Open(addresses, url_.host, url_.tls ? &options_.trust : nullptr, patience));
  ASSIGN_OR_RETURN(const HttpAnswer answer,
                   HttpGet(*connection, url_, authorization, options_.max_body_bytes));
  if (answer.status != 200) return Refused(answer, options_.token_file);
  if (!answer.content_encoding.empty() && answer.content_encoding != "identity") {
    return absl::InvalidArgumentError(
        base::StrCat("the answer is encoded (", answer.content_encoding.substr(0, 32),
                     "), which was not asked for; is --kubelet-url a kubelet?"));
  }
  if (IsHtml(answer)) {
    return absl::InvalidArgumentError("the answer is HTML, not JSON; is --kubelet-url a kubelet?");
  }
  return ParseKubeletPods(answer.body, options_.shown);
}

absl::StatusOr<std::string> KubeletSource::Authorization() const {
  if (options_.token_file.empty()) return "";
  const auto content = base::ReadFile(options_.token_file, kMaxTokenBytes);
  if (!content.ok()) return base::Annotate(content.status(), "--kubelet-token-file");
  const std::string_view token = Trim(*content);
  // Anything else would end the header, or the request.
  const bool sound = !token.empty() && std::all_of(token.begin(), token.end(), IsGraphic);
  if (!sound) {
    return absl::FailedPreconditionError(
        base::StrCat("--kubelet-token-file ", options_.token_file,
                     ": holds no token: one word of printable characters is expected"));
  }
  return base::StrCat("Bearer ", token);
}

}  // namespace oomtrail::attribute
