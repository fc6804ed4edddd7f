#include "agent/api/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "agent/api/tls_credentials.h"
#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_authority.h"

namespace oomtrail::api {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest() {
    files_.certificate = directory_.Write("tls.crt", own_.certificate_pem);
    files_.key = directory_.Write("tls.key", own_.key_pem);
    files_.client_ca = directory_.Write("ca.crt", authority_.pem());
  }
  std::string Refusal() {
    const auto checked = LoadTlsFiles(files_);
    EXPECT_EQ(checked.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(checked.status().message());
  }

  fakes::TempDir directory_;
  fakes::TestAuthority authority_;
  fakes::TestAuthority::Certificate own_ = authority_.Issue("DNS:node");
  TlsFiles files_;
};

TEST_F(TlsFilesTest, GoodOnesAreTakenAndNamed) {
  const auto checked = LoadTlsFiles(files_);
  ASSERT_TRUE(checked.ok()) << checked.status().message();
  EXPECT_THAT(checked->identity_pem,
              AllOf(HasSubstr(own_.key_pem), HasSubstr(own_.certificate_pem)));
  EXPECT_EQ(checked->client_ca_pem, authority_.pem());
  EXPECT_THAT(checked->summary, testing::ContainsRegex("serial [0-9A-F]+, valid until .*GMT"));
}

TEST_F(TlsFilesTest, ASecondAuthorityMayBeThere) {
  directory_.Write("ca.crt", authority_.pem() + fakes::TestAuthority().pem());
  EXPECT_TRUE(LoadTlsFiles(files_).ok());
}

TEST_F(TlsFilesTest, AFileThatIsAbsentIsNamed) {
  files_.key = directory_ / "absent.key";
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-key"), HasSubstr(files_.key), HasSubstr("ENOENT"),
                               HasSubstr("mounted")));
}

TEST_F(TlsFilesTest, ADirectoryIsRefused) {
  files_.client_ca = directory_.path();
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-client-ca"), HasSubstr("EISDIR")));
}

TEST_F(TlsFilesTest, AnEmptyCertificateFileIsRefused) {
  directory_.Write("tls.crt", "");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-cert"), HasSubstr("holds no certificate")));
}

TEST_F(TlsFilesTest, AnEmptyAuthorityFileIsRefused) {
  directory_.Write("ca.crt", "");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-client-ca"), HasSubstr("holds no certificate")));
}

TEST_F(TlsFilesTest, ACutCertificateIsRefused) {
  directory_.Write("tls.crt", own_.certificate_pem.substr(0, own_.certificate_pem.size() / 2));
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-cert"), HasSubstr("certificate 1 is damaged")));
}

TEST_F(TlsFilesTest, ADamagedSecondAuthorityIsRefused) {
  std::string second = fakes::TestAuthority().pem();
  second[second.size() / 2] = '!';
  directory_.Write("ca.crt", authority_.pem() + second);
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("--tls-client-ca"), HasSubstr("certificate 2 is damaged")));
}

TEST_F(TlsFilesTest, ACertificateInThePlaceOfTheKeyIsRefused) {
  directory_.Write("tls.key", own_.certificate_pem);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-key"), HasSubstr("holds no private key")));
}

TEST_F(TlsFilesTest, TheKeyOfAnotherCertificateIsRefused) {
  directory_.Write("tls.key", authority_.Issue("DNS:node").key_pem);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-key"), HasSubstr("is not the key"),
                               HasSubstr(files_.certificate)));
}

TEST_F(TlsFilesTest, AKeyWithAPassphraseIsRefusedWithoutAskingForIt) {
  const std::unique_ptr<BIO, decltype(&::BIO_free)> in(
      ::BIO_new_mem_buf(own_.key_pem.data(), static_cast<int>(own_.key_pem.size())), &::BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(
      ::PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), &::EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&::BIO_free)> out(::BIO_new(::BIO_s_mem()), &::BIO_free);
  unsigned char word[] = "secret";
  ::PEM_write_bio_PrivateKey(out.get(), key.get(), ::EVP_aes_128_cbc(), word, 6, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  directory_.Write("tls.key", {text, static_cast<size_t>(size)});
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-key"), HasSubstr("passphrase; give one without")));
}

TEST_F(TlsFilesTest, AnExpiredCertificateIsRefused) {
  const auto old = authority_.Issue("DNS:node", /*expired=*/true);
  directory_.Write("tls.crt", old.certificate_pem);
  directory_.Write("tls.key", old.key_pem);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-cert"), HasSubstr("expired"), HasSubstr("renew")));
}

TEST_F(TlsFilesTest, AnExpiredAuthorityIsRefusedUnlessAnotherIsValid) {
  const std::string old = authority_.Issue("DNS:old", /*expired=*/true).certificate_pem;
  directory_.Write("ca.crt", old);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("--tls-client-ca"), HasSubstr("expired")));
  directory_.Write("ca.crt", old + authority_.pem());
  EXPECT_TRUE(LoadTlsFiles(files_).ok());
}

TEST_F(TlsFilesTest, AHugeFileIsRefused) {
  directory_.Write("ca.crt", std::string(2 << 20, '\n'));
  EXPECT_THAT(Refusal(), HasSubstr("--tls-client-ca"));
}

struct Identity {
  const char* name;
  const char* subject_alt_name;
  const char* allowed;
  bool accepted;
};

const Identity kIdentities[] = {
    {"SameDns", "DNS:resizer", "resizer", true},
    {"DnsInAnotherCase", "DNS:Resizer", "resizer", true},
    {"SecondOfTwo", "DNS:other,DNS:resizer", "resizer", true},
    {"SameUri", "URI:spiffe://c/ns/shop/sa/x", "spiffe://c/ns/shop/sa/x", true},
    {"UriInAnotherCase", "URI:spiffe://c/ns/Shop/sa/x", "spiffe://c/ns/shop/sa/x", false},
    {"UriOfAnother", "URI:spiffe://c/ns/shop/sa/xy", "spiffe://c/ns/shop/sa/x", false},
    {"PartOfADnsName", "DNS:resizer.evil", "resizer", false},
    {"WildcardCoversNothing", "DNS:*.evil", "a.evil", false},
    {"AddressIsNoName", "IP:10.0.0.7", "10.0.0.7", false},
    {"EmailIsNoUri", "email:a:b@c", "a:b@c", false},
    {"UriAsADnsName", "DNS:spiffe://c/x", "spiffe://c/x", false},
    {"DnsAsAUri", "URI:resizer", "resizer", false},
};

class ClientIdentity : public testing::TestWithParam<Identity> {};

TEST_P(ClientIdentity, IsComparedWhole) {
  const fakes::TestAuthority authority;
  const auto issued = authority.Issue(GetParam().subject_alt_name);
  const absl::Status status = CheckIdentity(issued.certificate_pem, {"nobody", GetParam().allowed});
  EXPECT_EQ(status.ok(), GetParam().accepted) << status.message();
}

INSTANTIATE_TEST_SUITE_P(, ClientIdentity, testing::ValuesIn(kIdentities),
                         [](const auto& row) { return row.param.name; });

TEST(CheckIdentity, NamesWhoIsNotAllowed) {
  const auto issued = fakes::TestAuthority().Issue("DNS:evil,URI:spiffe://c/evil");
  EXPECT_THAT(std::string(CheckIdentity(issued.certificate_pem, {"good"}).message()),
              HasSubstr("evil, spiffe://c/evil"));
  EXPECT_THAT(std::string(CheckIdentity("no PEM", {"good"}).message()),
              HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace oomtrail::api
