// gRPC's credentials for TCP: TLS 1.2 or newer, clients known by their certificates.
//
// Thread-safe: gRPC calls the verifier from its own threads.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/base/log.h"

namespace oomtrail::api {

// Whether a client's certificate (PEM) carries one of `allowed` as a DNS or URI subjectAltName:
// PERMISSION_DENIED naming what it carries instead. DNS names regardless of case.
absl::Status CheckIdentity(std::string_view certificate_pem,
                           const std::vector<std::string>& allowed);

// With an empty `allowed`, every client of the authority. One that is not allowed fails its
// handshake, which the log names, at most once a minute. `log` has to outlive the server.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(
    std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider,
    std::vector<std::string> allowed, const base::Log& log);

}  // namespace oomtrail::api
