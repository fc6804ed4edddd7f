// What the flags say about how the API is served, and whether it can be. Values; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/api/tls_files.h"

namespace oomtrail::api {

struct ServingOptions {
  std::vector<std::string> listen;  // --listen, see listen_address.h
  TlsFiles tls;                     // --tls-cert, --tls-key, --tls-client-ca
  // --tls-allow: DNS names and URIs, one of which a client's certificate has to carry as a
  // subjectAltName. Empty: any client of the authority.
  std::vector<std::string> tls_allow;
  bool insecure = false;  // --insecure: TCP without TLS
  size_t max_connections = 320;

  bool has_tls() const { return !tls.certificate.empty(); }
};

// INVALID_ARGUMENT, with the remedy, for what is wrong with the flags or the files they name.
// Nothing is bound, made or changed.
absl::Status CheckServingOptions(const ServingOptions& options);

}  // namespace oomtrail::api
