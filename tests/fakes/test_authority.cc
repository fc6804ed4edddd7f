#include "tests/fakes/test_authority.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace oomtrail::fakes {
namespace {

constexpr long kHour = 3600;

template <typename Write>
std::string ToPem(Write write) {
  const std::unique_ptr<BIO, decltype(&::BIO_free)> memory(::BIO_new(::BIO_s_mem()), &::BIO_free);
  write(memory.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

}  // namespace

TestAuthority::TestAuthority() : key_(EVP_EC_gen("P-256")) {
  certificate_ = Make("oomtrail test authority", key_.get(), -kHour, kHour);
  AddExtension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  // Authorities are told apart by their keys: all have the same name, as one has after its renewal.
  AddExtension(certificate_.get(), certificate_.get(), NID_subject_key_identifier, "hash");
  ::X509_sign(certificate_.get(), key_.get(), ::EVP_sha256());
}

TestAuthority::Cert TestAuthority::Make(const std::string& name, EVP_PKEY* key, long from_s,
                                        long to_s) const {
  static long serial = 0;
  Cert certificate(::X509_new());
  ::X509_set_version(certificate.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), ++serial);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), from_s);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), to_s);
  ::X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  ::X509_set_issuer_name(certificate.get(), certificate_ == nullptr
                                                ? subject
                                                : ::X509_get_subject_name(certificate_.get()));
  return certificate;
}

std::string TestAuthority::pem() const {
  return ToPem([&](BIO* out) { ::PEM_write_bio_X509(out, certificate_.get()); });
}

TestAuthority::Certificate TestAuthority::Issue(const std::string& subject_alt_name,
                                                bool expired) const {
  const Key key(EVP_EC_gen("P-256"));
  const Cert certificate =
      Make("oomtrail test kubelet", key.get(), -2 * kHour, expired ? -kHour : kHour);
  AddExtension(certificate.get(), certificate_.get(), NID_subject_alt_name, subject_alt_name);
  AddExtension(certificate.get(), certificate_.get(), NID_authority_key_identifier, "keyid:always");
  ::X509_sign(certificate.get(), key_.get(), ::EVP_sha256());
  return {ToPem([&](BIO* out) { ::PEM_write_bio_X509(out, certificate.get()); }),
          ToPem([&](BIO* out) {
            ::PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace oomtrail::fakes
