// One TCP connection to the kubelet, with TLS unless told otherwise, that can never hold its caller
// longer than asked. Used by one thread; only the cancellation comes from another.
//
// The transport is ours because cpp-httplib's has no end to a whole exchange, cannot be cancelled
// during a handshake, and compares an address with a certificate's name past its bounds (0.11).
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/attribute/bounded_wait.h"
#include "agent/attribute/host_lookup.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::attribute {

struct Trust {
  // PEM; empty: the certificates that the system trusts.
  std::string ca_file;
  // Accept any certificate. Only where somebody asked for it.
  bool insecure = false;
};

// Whether the authority's file can be used.
absl::Status CheckTrust(const Trust& trust);

struct Patience {
  Moment until;                    // for everything together
  std::chrono::milliseconds idle;  // for one step: a connection, a handshake's answer, a read
  int cancel_fd;
};

class TlsConnection {
 public:
  explicit TlsConnection(Patience patience) : patience_(patience) {}

  // Tries the addresses in turn. `host` is what the certificate has to name. No `trust`: no TLS.
  static absl::StatusOr<std::unique_ptr<TlsConnection>> Open(
      const std::vector<SocketAddress>& addresses, const std::string& host, const Trust* trust,
      Patience patience);

  // At least one byte, or 0 at the end.
  absl::StatusOr<size_t> Read(char* to, size_t size);
  absl::Status Write(std::string_view bytes);

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  absl::Status Connect(const SocketAddress& address);
  absl::Status Handshake(const std::string& host, const Trust& trust);
  absl::Status Wait(short events, std::string_view what);
  // After an SSL call returned `result` <= 0: waits for what it needs, or says why it failed.
  absl::Status AfterSsl(int result, std::string_view what);

  Patience patience_;
  base::UniqueFd socket_;
  std::unique_ptr<SSL, Free> ssl_;
};

// While it lives, a write to a connection that the peer has closed raises no SIGPIPE in this
// thread. OpenSSL has no way to ask for that.
class SigpipeBlocked {
 public:
  SigpipeBlocked();
  ~SigpipeBlocked();
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

 private:
  bool was_blocked_ = false;
};

}  // namespace oomtrail::attribute
