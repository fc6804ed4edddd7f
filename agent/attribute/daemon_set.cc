#include "agent/attribute/daemon_set.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/attribute/bounded_wait.h"
#include "agent/attribute/host_lookup.h"
#include "agent/attribute/http_exchange.h"
#include "agent/attribute/tls_connection.h"
#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr size_t kMaxBodyBytes = 1 << 20;
constexpr size_t kMaxTokenBytes = 64 << 10;
constexpr size_t kMaxNameBytes = 253;

// Of a Kubernetes name: nothing that would mean something in a URL.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

uint64_t Number(const nlohmann::json& object, const char* part, const char* name) {
  const auto inner = object.find(part);
  if (inner == object.end() || !inner->is_object()) return 0;
  const auto value = inner->find(name);
  return value != inner->end() && value->is_number_unsigned() ? value->get<uint64_t>() : 0;
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  ASSIGN_OR_RETURN(std::string token, base::ReadFile(path, kMaxTokenBytes));
  while (!token.empty() && token.back() == '\n') token.pop_back();
  const bool sound = !token.empty() && std::all_of(token.begin(), token.end(),
                                                   [](char c) { return c > ' ' && c < 0x7f; });
  if (sound) return token;
  return absl::FailedPreconditionError(base::StrCat(path, ": holds no token"));
}

}  // namespace

absl::StatusOr<DaemonSetQuestion> AskFor(std::string_view name, std::string_view host,
                                         std::string_view port, std::string account_dir) {
  const std::vector<std::string_view> names = base::StrSplit(name, '/');
  if (names.size() != 2 || !IsName(names[0]) || !IsName(names[1])) {
    return absl::InvalidArgumentError(
        base::StrCat("'", name, "' is no DaemonSet's NAMESPACE/NAME"));
  }
  DaemonSetQuestion question;
  question.account_dir = std::move(account_dir);
  question.url.host = host;
  question.url.path = base::StrCat("/apis/apps/v1/namespaces/", names[0], "/daemonsets/", names[1]);
  if (host.empty() || !base::SimpleAtoi(port, &question.url.port)) {
    return absl::InvalidArgumentError(
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no API server: this is for pods");
  }
  return question;
}

absl::StatusOr<DaemonSetState> ParseDaemonSet(std::string_view json) {
  const auto object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || object.value("kind", nlohmann::json()) != "DaemonSet") {
    return absl::InvalidArgumentError("the API server's answer is no DaemonSet");
  }
  const uint64_t generation = Number(object, "metadata", "generation");
  return DaemonSetState{
      .observed = generation != 0 && Number(object, "status", "observedGeneration") >= generation,
      .wanted = static_cast<uint32_t>(Number(object, "status", "desiredNumberScheduled")),
      .ready = static_cast<uint32_t>(Number(object, "status", "numberReady"))};
}

absl::StatusOr<DaemonSetState> AskDaemonSet(const DaemonSetQuestion& question) {
  const SigpipeBlocked sigpipe_blocked;
  const CancelSignal never;
  const KubeletUrl& url = question.url;
  const Patience patience{std::chrono::steady_clock::now() + kPatience, kPatience, never.fd()};
  const Trust trust{.ca_file = question.account_dir + "/ca.crt"};
  const std::string where = base::StrCat("https://", url.HostAndPort(), url.path);
  ASSIGN_OR_RETURN(const std::string token, ReadToken(question.account_dir + "/token"));
  HostLookup lookup;
  ASSIGN_OR_RETURN(const auto addresses,
                   lookup.Find(url.host, url.port, patience.until, patience.cancel_fd));
  auto connection = TlsConnection::Open(addresses, url.host, &trust, patience);
  if (!connection.ok()) return base::Annotate(connection.status(), where);
  const auto answer = HttpGet(**connection, url, base::StrCat("Bearer ", token), kMaxBodyBytes);
  if (!answer.ok()) return base::Annotate(answer.status(), where);
  if (answer->status != 200) {
    return absl::UnavailableError(base::StrCat(where, ": status ", answer->status));
  }
  return ParseDaemonSet(answer->body);
}

}  // namespace oomtrail::attribute
