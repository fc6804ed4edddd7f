#include "agent/api/serving_options.h"

#include <set>
#include <string>
#include <string_view>

#include "agent/api/listen_address.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

// All of the three, or none.
absl::Status CheckTlsFlags(const ServingOptions& options) {
  const TlsFiles& tls = options.tls;
  if (tls.certificate.empty() && tls.key.empty() && tls.client_ca.empty()) {
    if (options.tls_allow.empty()) return absl::OkStatus();
    return Wrong("--tls-allow without TLS: give --tls-cert, --tls-key and --tls-client-ca");
  }
  std::string missing;
  if (tls.certificate.empty()) missing = "--tls-cert";
  if (tls.key.empty()) missing = "--tls-key";
  if (tls.client_ca.empty()) missing = "--tls-client-ca";
  if (missing.empty()) return absl::OkStatus();
  return Wrong(base::StrCat(missing,
                            " is missing: TLS needs --tls-cert, --tls-key and --tls-client-ca, "
                            "for clients are known by their certificates"));
}

absl::Status CheckAllowed(const std::vector<std::string>& allowed) {
  for (const std::string& name : allowed) {
    if (name.empty()) return Wrong("--tls-allow: an empty name; give a DNS name or a URI");
    if (base::StrContains(name, "*")) {
      return Wrong(
          base::StrCat("--tls-allow ", name, ": no patterns; name each client's DNS name or URI"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckServingOptions(const ServingOptions& options) {
  if (options.listen.empty()) return Wrong("nothing to listen on: give --listen");
  if (options.max_connections < 8) return Wrong("fewer than 8 connections: allow more");
  RETURN_IF_ERROR(CheckTlsFlags(options));
  RETURN_IF_ERROR(CheckAllowed(options.tls_allow));
  std::string tcp;
  std::set<std::string> seen;
  for (const std::string& text : options.listen) {
    ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    if (!address.is_unix()) tcp = text;
    const std::string name = address.ToString();
    if (!name.ends_with(":0") && !seen.insert(name).second) {
      return Wrong(base::StrCat("--listen ", text, ": given twice; once is enough"));
    }
  }
  if (options.has_tls() && options.insecure) {
    return Wrong("--insecure and --tls-cert exclude each other: drop --insecure");
  }
  if (options.has_tls() && tcp.empty()) {
    return Wrong(
        "--tls-cert has no effect: TLS is for TCP, and no --listen names a port; give one, or drop "
        "the --tls flags");
  }
  if (!tcp.empty() && !options.has_tls() && !options.insecure) {
    return Wrong(base::StrCat(
        "--listen ", tcp,
        ": TCP without TLS; give --tls-cert, --tls-key and --tls-client-ca, or --insecure if "
        "everyone who can reach the port may read this node's events"));
  }
  if (!options.has_tls()) return absl::OkStatus();
  return LoadTlsFiles(options.tls).status();
}

}  // namespace oomtrail::api
