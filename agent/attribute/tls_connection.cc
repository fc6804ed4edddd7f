#include "agent/attribute/tls_connection.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

constexpr size_t kMaxTrustBytes = 4 << 20;

std::string OpenSslReason() {
  const unsigned long error = ::ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ::ERR_reason_error_string(error);
  return reason == nullptr ? "no reason given" : reason;
}

bool IsAddress(const std::string& host) {
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&::ASN1_OCTET_STRING_free)> address(
      ::a2i_IPADDRESS(host.c_str()), &::ASN1_OCTET_STRING_free);
  return address != nullptr;
}

struct FreeContext {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

absl::StatusOr<Context> MakeContext(const Trust& trust) {
  ::ERR_clear_error();
  Context context(::SSL_CTX_new(::TLS_client_method()));
  if (context == nullptr) return absl::InternalError(base::StrCat("TLS: ", OpenSslReason()));
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // A cut connection is found out by the length or the syntax of what came over it.
  ::SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (trust.insecure) return context;

  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // A kubelet without a signed certificate makes its own: that file alone may be the trust.
  ::X509_VERIFY_PARAM_set_flags(::SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
  if (trust.ca_file.empty()) {
    ::SSL_CTX_set_default_verify_paths(context.get());
    return context;
  }
  // Read first, for OpenSSL does not say why it could not.
  const auto content = base::ReadFile(trust.ca_file, kMaxTrustBytes);
  if (!content.ok()) return base::Annotate(content.status(), "--kubelet-ca");
  if (::SSL_CTX_load_verify_file(context.get(), trust.ca_file.c_str()) != 1) {
    return absl::FailedPreconditionError(base::StrCat(
        "--kubelet-ca ", trust.ca_file, ": holds no PEM certificates: ", OpenSslReason()));
  }
  return context;
}

absl::Status NotTrusted(long result, const std::string& host) {
  if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return absl::UnauthenticatedError(
        base::StrCat("the server's certificate is not for ", host,
                     "; give --kubelet-url the name or address that the certificate is for"));
  }
  return absl::UnauthenticatedError(base::StrCat(
      "the server's certificate is not trusted: ", ::X509_verify_cert_error_string(result),
      "; give --kubelet-ca the file of the authority that signed the kubelet's serving "
      "certificate"));
}

}  // namespace

absl::Status CheckTrust(const Trust& trust) { return MakeContext(trust).status(); }

absl::StatusOr<std::unique_ptr<TlsConnection>> TlsConnection::Open(
    const std::vector<SocketAddress>& addresses, const std::string& host, const Trust* trust,
    Patience patience) {
  absl::Status failure = absl::UnavailableError(base::StrCat(host, " has no address"));
  for (const SocketAddress& address : addresses) {
    auto connection = std::make_unique<TlsConnection>(patience);
    failure = connection->Connect(address);
    if (absl::IsCancelled(failure)) return failure;
    if (!failure.ok()) continue;
    if (trust != nullptr) RETURN_IF_ERROR(connection->Handshake(host, *trust));
    return connection;
  }
  return failure;
}

absl::Status TlsConnection::Wait(short events, std::string_view what) {
  const Moment idle_end = std::chrono::steady_clock::now() + patience_.idle;
  if (patience_.until <= idle_end) {
    return WaitReady(socket_.get(), events, patience_.until, patience_.cancel_fd,
                     "the answer was not complete in the time allowed for it");
  }
  return WaitReady(socket_.get(), events, idle_end, patience_.cancel_fd,
                   base::StrCat(what, ": nothing for ", patience_.idle.count(), " ms"));
}

absl::Status TlsConnection::Connect(const SocketAddress& address) {
  const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
  socket_.Reset(::socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.ok()) return base::ErrnoStatus(errno, "socket");
  if (::connect(socket_.get(), where, address.length) == 0) return absl::OkStatus();
  int error = errno;
  if (error == EINPROGRESS) {
    RETURN_IF_ERROR(Wait(POLLOUT, "connect"));
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return absl::OkStatus();
  }
  return absl::UnavailableError(
      base::StrCat(base::ErrnoStatus(error, "connect").message(),
                   "; is the kubelet running, and is --kubelet-url its address?"));
}

absl::Status TlsConnection::Handshake(const std::string& host, const Trust& trust) {
  ASSIGN_OR_RETURN(const Context context, MakeContext(trust));
  ssl_.reset(::SSL_new(context.get()));
  bool made = ssl_ != nullptr && ::SSL_set_fd(ssl_.get(), socket_.get()) == 1;
  if (made && IsAddress(host)) {
    made = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), host.c_str()) == 1;
  } else if (made) {
    made = ::SSL_set1_host(ssl_.get(), host.c_str()) == 1 &&
           ::SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
  }
  if (!made) return absl::InternalError(base::StrCat("TLS: ", OpenSslReason()));
  while (true) {
    ::ERR_clear_error();
    const int result = ::SSL_connect(ssl_.get());
    if (result == 1) return absl::OkStatus();
    const long verified = ::SSL_get_verify_result(ssl_.get());
    if (!trust.insecure && verified != X509_V_OK) return NotTrusted(verified, host);
    RETURN_IF_ERROR(AfterSsl(result, "TLS handshake"));
  }
}

absl::Status TlsConnection::AfterSsl(int result, std::string_view what) {
  const int system_error = errno;
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Wait(POLLIN, what);
    case SSL_ERROR_WANT_WRITE: return Wait(POLLOUT, what);
    case SSL_ERROR_ZERO_RETURN:
      return absl::UnavailableError(base::StrCat(what, ": the server closed the connection"));
    case SSL_ERROR_SYSCALL:
      if (system_error == 0) {
        return absl::UnavailableError(base::StrCat(what, ": the server closed the connection"));
      }
      return absl::UnavailableError(base::ErrnoStatus(system_error, what).message());
    default:
      return absl::UnavailableError(base::StrCat(what, ": ", OpenSslReason(),
                                                 "; does the server at --kubelet-url speak TLS?"));
  }
}

absl::StatusOr<size_t> TlsConnection::Read(char* to, size_t size) {
  while (true) {
    // Data may be there at every turn, so that nothing below ever waits.
    if (CancelSignal::Raised(patience_.cancel_fd) ||
        patience_.until <= std::chrono::steady_clock::now()) {
      RETURN_IF_ERROR(Wait(0, "read"));
    }
    if (ssl_ != nullptr) {
      ::ERR_clear_error();
      errno = 0;
      const int got = ::SSL_read(ssl_.get(), to, static_cast<int>(std::min<size_t>(size, 1 << 20)));
      if (got > 0) return static_cast<size_t>(got);
      if (::SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN) return size_t{0};
      RETURN_IF_ERROR(AfterSsl(got, "read"));
      continue;
    }
    const ssize_t got = ::recv(socket_.get(), to, size, 0);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EAGAIN && errno != EINTR) {
      return absl::UnavailableError(base::ErrnoStatus(errno, "read").message());
    }
    RETURN_IF_ERROR(Wait(POLLIN, "read"));
  }
}

absl::Status TlsConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = 0;
    if (ssl_ != nullptr) {
      ::ERR_clear_error();
      errno = 0;
      const int wrote = ::SSL_write(ssl_.get(), bytes.data(),
                                    static_cast<int>(std::min<size_t>(bytes.size(), 1 << 20)));
      if (wrote <= 0) {
        RETURN_IF_ERROR(AfterSsl(wrote, "write"));
        continue;
      }
      sent = wrote;
    } else {
      sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return absl::UnavailableError(base::ErrnoStatus(errno, "write").message());
      }
      if (sent < 0) {
        RETURN_IF_ERROR(Wait(POLLOUT, "write"));
        continue;
      }
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

SigpipeBlocked::SigpipeBlocked() {
  sigset_t sigpipe;
  sigset_t before;
  ::sigemptyset(&sigpipe);
  ::sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  was_blocked_ = ::sigismember(&before, SIGPIPE) == 1;
}

SigpipeBlocked::~SigpipeBlocked() {
  if (was_blocked_) return;
  sigset_t sigpipe;
  ::sigemptyset(&sigpipe);
  ::sigaddset(&sigpipe, SIGPIPE);
  const timespec now{};
  while (::sigtimedwait(&sigpipe, nullptr, &now) > 0) {
  }
  ::pthread_sigmask(SIG_UNBLOCK, &sigpipe, nullptr);
}

}  // namespace oomtrail::attribute
