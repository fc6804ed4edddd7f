#include "agent/api/serving_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_authority.h"

namespace oomtrail::api {
namespace {

using testing::HasSubstr;

class ServingOptionsTest : public testing::Test {
 protected:
  ServingOptionsTest() {
    const auto own = authority_.Issue("DNS:node");
    tls_.certificate = directory_.Write("tls.crt", own.certificate_pem);
    tls_.key = directory_.Write("tls.key", own.key_pem);
    tls_.client_ca = directory_.Write("ca.crt", authority_.pem());
    options_.listen = {"127.0.0.1:0"};
  }
  std::string Refusal() const {
    const absl::Status status = CheckServingOptions(options_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  fakes::TempDir directory_;
  fakes::TestAuthority authority_;
  TlsFiles tls_;
  ServingOptions options_;
};

TEST_F(ServingOptionsTest, AUnixSocketNeedsNothingElseAndIsNotMade) {
  options_.listen = {base::StrCat("unix://", directory_ / "run/a.sock")};
  EXPECT_TRUE(CheckServingOptions(options_).ok());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "run"));
}

TEST_F(ServingOptionsTest, TcpNeedsTlsOrTheWord) {
  EXPECT_THAT(Refusal(), testing::AllOf(HasSubstr("TCP without TLS"), HasSubstr("--insecure")));
  options_.insecure = true;
  EXPECT_TRUE(CheckServingOptions(options_).ok());
  options_.insecure = false;
  options_.tls = tls_;
  EXPECT_TRUE(CheckServingOptions(options_).ok()) << CheckServingOptions(options_).message();
}

TEST_F(ServingOptionsTest, NothingToListenOnIsRefused) {
  options_.listen.clear();
  EXPECT_THAT(Refusal(), HasSubstr("give --listen"));
}

TEST_F(ServingOptionsTest, AWrongAddressIsRefused) {
  options_.listen = {"unix:///run/a.sock", "node:1"};
  EXPECT_THAT(Refusal(), HasSubstr("--listen node:1"));
}

TEST_F(ServingOptionsTest, TheSameAddressTwiceIsRefused) {
  options_.listen = {"unix:///run/a.sock", "unix:/run/a.sock"};
  EXPECT_THAT(Refusal(), HasSubstr("given twice"));
}

TEST_F(ServingOptionsTest, AHalfConfiguredTlsNamesWhatIsMissing) {
  for (std::string TlsFiles::*missing :
       {&TlsFiles::certificate, &TlsFiles::key, &TlsFiles::client_ca}) {
    options_.tls = tls_;
    options_.tls.*missing = "";
    EXPECT_THAT(Refusal(), testing::ContainsRegex("^--tls-(cert|key|client-ca) is missing"));
  }
}

TEST_F(ServingOptionsTest, TlsAndInsecureExcludeEachOther) {
  options_.tls = tls_;
  options_.insecure = true;
  EXPECT_THAT(Refusal(), HasSubstr("drop --insecure"));
}

TEST_F(ServingOptionsTest, TlsWithoutAPortIsRefused) {
  options_.tls = tls_;
  options_.listen = {"unix:///run/a.sock"};
  EXPECT_THAT(Refusal(), HasSubstr("no effect"));
}

TEST_F(ServingOptionsTest, AnAllowListWithoutTlsIsRefused) {
  options_.insecure = true;
  options_.tls_allow = {"resizer"};
  EXPECT_THAT(Refusal(), HasSubstr("--tls-allow without TLS"));
}

TEST_F(ServingOptionsTest, AnAllowListIsOfWholeNames) {
  options_.tls = tls_;
  options_.tls_allow = {"resizer", "spiffe://c/x"};
  EXPECT_TRUE(CheckServingOptions(options_).ok());
  options_.tls_allow = {"*.shop"};
  EXPECT_THAT(Refusal(), HasSubstr("no patterns"));
  options_.tls_allow = {""};
  EXPECT_THAT(Refusal(), HasSubstr("an empty name"));
}

TEST_F(ServingOptionsTest, AWrongTlsFileIsRefused) {
  options_.tls = tls_;
  options_.tls.key = directory_ / "absent";
  EXPECT_THAT(Refusal(), HasSubstr("--tls-key"));
}

}  // namespace
}  // namespace oomtrail::api
