#include "agent/api/tls_credentials.h"

#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <strings.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "agent/base/mutex.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

constexpr std::chrono::minutes kLogEvery{1};
// Of a hostile certificate with ten thousand names.
constexpr size_t kMaxNamesBytes = 256;

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { ::GENERAL_NAMES_free(names); }
};

// A URI has a scheme, and therefore a colon; a DNS name never has one.
bool IsUri(std::string_view name) { return base::StrContains(name, ":"); }

bool SameName(std::string_view a, std::string_view b) {
  if (IsUri(a)) return a == b;
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

class AllowList final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  AllowList(std::vector<std::string> allowed, const base::Log& log)
      : allowed_(std::move(allowed)), log_(log) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*later*/, grpc::Status* now) override {
    const grpc::string_ref pem = request->peer_cert();
    const absl::Status status = CheckIdentity({pem.data(), pem.size()}, allowed_);
    if (!status.ok()) {
      Note(std::string(status.message()));
      *now = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not in --tls-allow");
    }
    return true;
  }

  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  void Note(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    uint64_t unsaid = 0;
    {
      const base::MutexLock lock(mutex_);
      if (last_.has_value() && now - *last_ < kLogEvery) {
        ++unsaid_;
        return;
      }
      last_ = now;
      unsaid = std::exchange(unsaid_, 0);
    }
    log_.Warn(base::StrCat("TLS: client refused: ", what,
                           unsaid == 0 ? "" : base::StrCat(" (and ", unsaid, " before it)")));
  }

  const std::vector<std::string> allowed_;
  const base::Log& log_;
  base::Mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> last_ ABSL_GUARDED_BY(mutex_);
  uint64_t unsaid_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::Status CheckIdentity(std::string_view certificate_pem,
                           const std::vector<std::string>& allowed) {
  const std::unique_ptr<BIO, Free> bio(
      ::BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
  const std::unique_ptr<X509, Free> certificate(
      ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return absl::PermissionDeniedError("its certificate cannot be read");
  }
  // Read here and not taken from gRPC, whose names end at a NUL byte that a certificate may hold.
  const std::unique_ptr<GENERAL_NAMES, Free> names(static_cast<GENERAL_NAMES*>(
      ::X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  std::string found;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_URI) continue;
    const ASN1_IA5STRING* value =
        name->type == GEN_DNS ? name->d.dNSName : name->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(value)),
                                static_cast<size_t>(::ASN1_STRING_length(value)));
    // A DNS name that looks like a URI is neither.
    if (IsUri(text) == (name->type == GEN_URI) &&
        std::ranges::any_of(allowed, [&](const std::string& one) { return SameName(one, text); })) {
      return absl::OkStatus();
    }
    if (found.size() + text.size() <= kMaxNamesBytes) {
      base::StrAppend(&found, found.empty() ? "" : ", ", text);
    }
  }
  return absl::PermissionDeniedError(
      found.empty() ? std::string("its certificate has no DNS or URI name that --tls-allow could "
                                  "list")
                    : base::StrCat("none of its names is in --tls-allow: ", found));
}

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(
    std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider,
    std::vector<std::string> allowed, const base::Log& log) {
  grpc::experimental::TlsServerCredentialsOptions options(std::move(provider));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  if (!allowed.empty()) {
    options.set_certificate_verifier(
        grpc::experimental::ExternalCertificateVerifier::Create<AllowList>(std::move(allowed),
                                                                           log));
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace oomtrail::api
