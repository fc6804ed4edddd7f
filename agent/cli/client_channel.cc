#include "agent/cli/client_channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "agent/cli/client_error.h"

namespace oomtrail::cli {
namespace {

constexpr int kMaxMessageBytes = 8 << 20;
constexpr int kConnectMillis = 5000;
// A peer that is gone without a word is noticed after their sum.
constexpr int kKeepaliveMillis = 30'000;
constexpr int kKeepaliveTimeoutMillis = 10'000;
constexpr size_t kMaxPemBytes = 1 << 20;

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status CheckTls(const ServerOptions& options, bool tcp) {
  const bool tls = !options.tls_ca.empty();
  const bool any = tls || !options.tls_cert.empty() || !options.tls_key.empty() ||
                   !options.tls_server_name.empty();
  // In a pod the agent's own variables (OOMTRAIL_TLS_CERT) are there too: not for a unix socket.
  if (!tcp) return absl::OkStatus();
  if (options.insecure && any) return Wrong("--insecure and --tls-… exclude each other");
  if (!options.insecure && !tls) {
    return Wrong(
        "TCP needs --tls-ca FILE, the authority that the agent's certificate comes from; "
        "--insecure goes without, and anyone on the way can then read and forge events");
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return Wrong("--tls-cert and --tls-key belong together");
  }
  return absl::OkStatus();
}

// "host:port", "[::1]:port".
bool IsHostAndPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  uint16_t port = 0;
  if (!base::SimpleAtoi(text.substr(colon + 1), &port) || port == 0) return false;
  const bool v6 = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  return v6 ||
         (!base::StrContains(host, ":") && host.find_first_of("/[] ") == std::string_view::npos);
}

absl::StatusOr<std::string> ReadPem(const std::string& flag, const std::string& path,
                                    std::string_view what) {
  auto pem = base::ReadFile(path, kMaxPemBytes);
  if (!pem.ok()) {
    return Wrong(base::StrCat(flag, ": ", pem.status().message()));
  }
  if (!base::StrContains(*pem, "-----BEGIN ") || !base::StrContains(*pem, what)) {
    return Wrong(base::StrCat(flag, ": ", path, ": no PEM ", what, " in it"));
  }
  return pem;
}

// The errno of connecting to the socket; 0 where something listens.
int TryConnect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return errno;
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(fd.get(), raw, sizeof address) == 0 ? 0 : errno;
}

}  // namespace

absl::StatusOr<ServerAddress> ServerAddress::Parse(const ServerOptions& options) {
  ServerAddress address;
  std::string_view text = options.address;
  if (base::ConsumePrefix(&text, "unix://") || base::ConsumePrefix(&text, "unix:") ||
      text.starts_with('/')) {
    if (!text.starts_with('/') || text.size() >= sizeof(sockaddr_un::sun_path)) {
      return Wrong(base::StrCat("--server ", options.address,
                                ": a unix socket is unix:///path, of 107 bytes at most"));
    }
    address.socket_path_ = text;
    address.target_ = base::StrCat("unix:", text);
    address.text_ = base::StrCat("unix://", text);
  } else if (IsHostAndPort(text)) {
    address.target_ = base::StrCat("dns:///", text);
    address.text_ = text;
  } else {
    return Wrong(
        base::StrCat("--server ", options.address, ": neither unix:///path nor HOST:PORT"));
  }
  RETURN_IF_ERROR(CheckTls(options, address.socket_path_.empty()));
  return address;
}

absl::StatusOr<ClientChannel> ClientChannel::Create(const ServerOptions& options) {
  ASSIGN_OR_RETURN(auto address, ServerAddress::Parse(options));
  ClientChannel channel(options, std::move(address));
  if (const auto credentials = channel.Credentials(); !credentials.ok()) {
    return credentials.status();
  }
  return channel;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ClientChannel::Credentials() const {
  if (options_.tls_ca.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadPem("--tls-ca", options_.tls_ca, "CERTIFICATE"));
  if (!options_.tls_cert.empty()) {
    ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadPem("--tls-cert", options_.tls_cert, "CERTIFICATE"));
    ASSIGN_OR_RETURN(ssl.pem_private_key, ReadPem("--tls-key", options_.tls_key, "PRIVATE KEY"));
  }
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> ClientChannel::Connect() const {
  ASSIGN_OR_RETURN(const auto credentials, Credentials());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // How long one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMillis);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  if (address_.socket_path().empty()) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  if (!options_.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options_.tls_server_name);
  }
  return grpc::CreateCustomChannel(address_.target(), credentials, arguments);
}

absl::Status ClientChannel::Explain(const grpc::Status& status) const {
  const absl::Status said = ToStatus(status);
  if (!absl::IsUnavailable(said)) return base::Annotate(said, address_.text());
  return ExplainUnreachable(std::string(said.message()));
}

absl::Status ClientChannel::ExplainUnreachable(const std::string& said) const {
  const std::string& where = address_.text();
  if (!address_.socket_path().empty()) {
    switch (const int error = TryConnect(address_.socket_path())) {
      case 0: break;
      case ENOENT:
      case ECONNREFUSED:
        return absl::UnavailableError(base::StrCat(
            "no agent listens at ", where,
            ": is it running on this node? (oomtrail agent; in Kubernetes: kubectl exec -n "
            "oomtrail ds/oomtrail -- /oomtrail watch)"));
      case EACCES:
      case EPERM:
        return absl::PermissionDeniedError(
            base::StrCat("no permission to connect to ", where, ": be root, or who owns it"));
      default: return absl::UnavailableError(base::ErrnoStatus(error, where).message());
    }
    return absl::UnavailableError(base::StrCat(where, ": ", said));
  }
  return ExplainTcp(said);
}

absl::Status ClientChannel::ExplainTcp(const std::string& said) const {
  const std::string& where = address_.text();
  const auto has = [&said](std::string_view words) { return base::StrContains(said, words); };
  if (has("Hostname Verification") || has("not in peer certificate")) {
    return absl::UnauthenticatedError(base::StrCat(
        where,
        ": the agent's certificate is for another name: --tls-server-name gives the one it has"));
  }
  if (has(" alert ")) {
    return absl::UnauthenticatedError(
        base::StrCat(where, ": the agent refuses the certificate of --tls-cert: ", said));
  }
  if (has("wrong version number") || has("packet length too long") || has("http request")) {
    return absl::UnauthenticatedError(
        base::StrCat(where, ": what listens there does not speak TLS: ", said));
  }
  if (has("andshake failed")) {
    return absl::UnauthenticatedError(
        base::StrCat(where,
                     ": the agent's certificate does not come from the authority of --tls-ca, or "
                     "has expired: ",
                     said));
  }
  if (options_.insecure) {
    return absl::UnavailableError(base::StrCat(
        where, ": ", said,
        "; is an agent listening there? If it speaks TLS: --tls-ca in place of --insecure"));
  }
  const std::string_view remedy =
      options_.tls_cert.empty() ? " If it wants a certificate of yours: --tls-cert, --tls-key" : "";
  return absl::UnavailableError(
      base::StrCat(where, ": ", said, "; is an agent listening there?", remedy));
}

}  // namespace oomtrail::cli
