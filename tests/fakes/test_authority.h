// A certificate authority made for one test. Not thread-safe.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace oomtrail::fakes {

class TestAuthority {
 public:
  struct Certificate {
    std::string certificate_pem;
    std::string key_pem;
  };

  TestAuthority();

  // The authority's own certificate.
  std::string pem() const;
  // For a server of this subjectAltName: "IP:127.0.0.1", "DNS:node-1". Valid for an hour, or only
  // up to an hour ago.
  Certificate Issue(const std::string& subject_alt_name, bool expired = false) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Cert = std::unique_ptr<X509, Free>;

  Cert Make(const std::string& name, EVP_PKEY* key, long from_s, long to_s) const;

  Key key_;
  Cert certificate_;
};

}  // namespace oomtrail::fakes
