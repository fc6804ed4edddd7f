// The server's certificate, its key and the clients' authority, read and checked before anything
// uses them: gRPC takes what it is given, and fails handshakes later without a word. Pure but for
// the reading; thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace oomtrail::api {

struct TlsFiles {
  std::string certificate;  // PEM: the server's certificate, then those up to its authority
  std::string key;          // PEM, without a passphrase
  std::string client_ca;    // PEM: the authorities whose clients may come
};

struct CheckedTls {
  std::string identity_pem;  // the key and the certificates, one after the other
  std::string client_ca_pem;
  std::string summary;  // "serial 0A1B, valid until Nov 21 05:41:07 2026 GMT"
};

// INVALID_ARGUMENT naming the flag, the file, what is wrong and the remedy, if: a file cannot be
// read, is not PEM, the key does not belong to the certificate or has a passphrase, the certificate
// is not valid now, or every authority has expired.
absl::StatusOr<CheckedTls> LoadTlsFiles(const TlsFiles& files);

}  // namespace oomtrail::api
