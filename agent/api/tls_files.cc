#include "agent/api/tls_files.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(BIGNUM* number) const { ::BN_free(number); }
  void operator()(char* text) const { ::OPENSSL_free(text); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

struct PemFile {
  std::string flag;
  std::string path;
  std::string content;

  absl::Status Wrong(std::string_view what) const {
    return absl::InvalidArgumentError(base::StrCat(flag, " ", path, ": ", what));
  }
};

absl::StatusOr<PemFile> Read(std::string flag, const std::string& path) {
  const auto content = base::ReadFile(path, kMaxFileBytes);
  if (!content.ok()) {
    return absl::InvalidArgumentError(
        base::StrCat(flag, ": ", content.status().message(), "; is the Secret mounted there?"));
  }
  return PemFile{.flag = std::move(flag), .path = path, .content = *content};
}

Bio Open(const std::string& content) {
  return Bio(::BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
}

// Asks nobody for a passphrase: without it, OpenSSL would, on the terminal.
int NoPassphrase(char* /*to*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<std::vector<Certificate>> Certificates(const PemFile& file) {
  std::vector<Certificate> found;
  const Bio bio = Open(file.content);
  ::ERR_clear_error();
  while (X509* next = ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(next);
  }
  const unsigned long error = ::ERR_peek_last_error();
  ::ERR_clear_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) {
    const char* reason = ::ERR_reason_error_string(error);
    return file.Wrong(base::StrCat("certificate ", found.size() + 1, " is damaged: ",
                                   std::string_view(reason == nullptr ? "unreadable" : reason),
                                   "; write the file again"));
  }
  if (found.empty()) return file.Wrong("holds no certificate in PEM; give one that does");
  return found;
}

std::string TimeText(const ASN1_TIME* time) {
  const Bio memory(::BIO_new(::BIO_s_mem()));
  if (::ASN1_TIME_print(memory.get(), time) != 1) return "an unreadable time";
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

// X509_cmp_current_time() gives 0 for a time it cannot read: neither of these then holds.
bool Ended(const X509* certificate) {
  return ::X509_cmp_current_time(::X509_get0_notAfter(certificate)) <= 0;
}
bool Begun(const X509* certificate) {
  return ::X509_cmp_current_time(::X509_get0_notBefore(certificate)) < 0;
}

absl::StatusOr<Key> PrivateKey(const PemFile& file) {
  const Bio bio = Open(file.content);
  bool asked = false;
  Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassphrase, &asked));
  ::ERR_clear_error();
  if (asked) return file.Wrong("the key has a passphrase; give one without");
  if (key == nullptr) return file.Wrong("holds no private key in PEM; give one that does");
  return key;
}

std::string Serial(const X509* certificate) {
  const std::unique_ptr<BIGNUM, Free> number(
      ::ASN1_INTEGER_to_BN(::X509_get0_serialNumber(certificate), nullptr));
  const std::unique_ptr<char, Free> text(number == nullptr ? nullptr : ::BN_bn2hex(number.get()));
  return text == nullptr ? "unreadable" : text.get();
}

}  // namespace

absl::StatusOr<CheckedTls> LoadTlsFiles(const TlsFiles& files) {
  ASSIGN_OR_RETURN(const PemFile chain, Read("--tls-cert", files.certificate));
  ASSIGN_OR_RETURN(const PemFile key, Read("--tls-key", files.key));
  ASSIGN_OR_RETURN(const PemFile authorities, Read("--tls-client-ca", files.client_ca));

  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, Certificates(chain));
  X509* own = certificates.front().get();
  const std::string ends = TimeText(::X509_get0_notAfter(own));
  if (Ended(own)) return chain.Wrong(base::StrCat("expired ", ends, "; renew it"));
  if (!Begun(own)) {
    return chain.Wrong(base::StrCat("is not valid before ", TimeText(::X509_get0_notBefore(own)),
                                    "; is the clock of this node right?"));
  }
  ASSIGN_OR_RETURN(const Key own_key, PrivateKey(key));
  const bool fits = ::X509_check_private_key(own, own_key.get()) == 1;
  ::ERR_clear_error();
  if (!fits) {
    return key.Wrong(base::StrCat("is not the key of the first certificate in ", chain.path,
                                  "; give the two that belong together"));
  }
  ASSIGN_OR_RETURN(const std::vector<Certificate> trusted, Certificates(authorities));
  if (std::ranges::all_of(trusted, [](const Certificate& one) { return Ended(one.get()); })) {
    return authorities.Wrong(base::StrCat("every authority in it has expired, the first ",
                                          TimeText(::X509_get0_notAfter(trusted.front().get())),
                                          "; renew it"));
  }
  return CheckedTls{.identity_pem = base::StrCat(key.content, "\n", chain.content),
                    .client_ca_pem = authorities.content,
                    .summary = base::StrCat("serial ", Serial(own), ", valid until ", ends)};
}

}  // namespace oomtrail::api
