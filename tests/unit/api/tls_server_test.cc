#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/api/grpc_server.h"
#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_authority.h"
#include "tests/unit/api/grpc_client.h"
#include "tests/unit/api/sockets.h"

namespace oomtrail::api {
namespace {

using fakes::TestAuthority;
using testing::HasSubstr;
using testing::StartsWith;

// UNAVAILABLE: no connection came about.
constexpr const char* kRefused = "14 ";

class TlsServerTest : public testing::Test {
 protected:
  TlsServerTest()
      : log_file_(::open((directory_ / "log").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    options_.listen = {"127.0.0.1:0"};
    options_.tls = {.certificate = directory_ / "tls/tls.crt",
                    .key = directory_ / "tls/tls.key",
                    .client_ca = directory_ / "tls/ca.crt"};
    Install(own_, client_authority_.pem());
  }

  // As the kubelet replaces a Secret: all files at once, by a link to another directory.
  void Install(const TestAuthority::Certificate& own, const std::string& client_ca) {
    const std::string generation = base::StrCat("generation-", ++generation_);
    directory_.Write(generation + "/tls.crt", own.certificate_pem);
    directory_.Write(generation + "/tls.key", own.key_pem);
    directory_.Write(generation + "/ca.crt", client_ca);
    std::filesystem::create_symlink(generation, directory_ / "next");
    std::filesystem::rename(directory_ / "next", directory_ / "tls");
  }
  void Start() {
    auto server = GrpcServer::Start(options_, {}, log_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
    server_->SetServing(true);
  }
  // A call over a new connection, as the holder of this certificate.
  std::string Call(const TestAuthority::Certificate& client, std::string* server_pem = nullptr) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority_.pem();
    options.pem_private_key = client.key_pem;
    options.pem_cert_chain = client.certificate_pem;
    return CheckHealth(OpenChannel(server_->addresses()[0], grpc::SslCredentials(options), "node"),
                       "", server_pem);
  }
  std::string Logged() const {
    std::ifstream in(directory_ / "log");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fakes::TempDir directory_;
  base::UniqueFd log_file_;
  base::Log log_{base::LogFormat::kText, log_file_.get()};
  TestAuthority authority_;
  TestAuthority client_authority_;
  TestAuthority::Certificate own_ = authority_.Issue("DNS:node");
  TestAuthority::Certificate client_ = client_authority_.Issue("DNS:resizer");
  int generation_ = 0;
  ServingOptions options_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(TlsServerTest, AClientOfTheAuthorityIsServed) {
  Start();
  std::string shown;
  EXPECT_EQ(Call(client_, &shown), "SERVING");
  EXPECT_EQ(shown, own_.certificate_pem);
  EXPECT_THAT(Logged(), HasSubstr("TLS: "));
  EXPECT_THAT(Logged(), testing::Not(HasSubstr("INSECURE")));
}

TEST_F(TlsServerTest, AClientOfAnotherAuthorityIsRefused) {
  Start();
  EXPECT_THAT(Call(authority_.Issue("DNS:resizer")), StartsWith(kRefused));
  EXPECT_EQ(Call(client_), "SERVING");
}

TEST_F(TlsServerTest, AnExpiredClientIsRefused) {
  Start();
  EXPECT_THAT(Call(client_authority_.Issue("DNS:resizer", /*expired=*/true)), StartsWith(kRefused));
}

TEST_F(TlsServerTest, AClientWithoutACertificateIsRefused) {
  Start();
  EXPECT_THAT(Call({}), StartsWith(kRefused));
}

TEST_F(TlsServerTest, AClientWithoutTlsIsRefused) {
  Start();
  EXPECT_THAT(CheckHealth(OpenChannel(server_->addresses()[0])), StartsWith(kRefused));
}

TEST_F(TlsServerTest, NoiseAndSilenceAreEnded) {
  Start();
  const base::UniqueFd noise = Connect(server_->addresses()[0]);
  const base::UniqueFd silence = Connect(server_->addresses()[0]);
  ::send(noise.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
  EXPECT_TRUE(EndsWithin(noise.get(), kGenerous));
  EXPECT_TRUE(EndsWithin(silence.get(), kGenerous));
  EXPECT_TRUE(Eventually([&] { return server_->counts().connections == 0; }));
  EXPECT_EQ(Call(client_), "SERVING");
}

TEST_F(TlsServerTest, TheUnixSocketBesideItIsPlain) {
  options_.listen.push_back(base::StrCat("unix://", directory_ / "oomtrail.sock"));
  Start();
  EXPECT_EQ(CheckHealth(OpenChannel(server_->addresses()[1])), "SERVING");
  EXPECT_EQ(Call(client_), "SERVING");
}

TEST_F(TlsServerTest, OnlyAllowedIdentitiesAreServed) {
  options_.tls_allow = {"resizer", "spiffe://cluster/ns/shop/sa/watcher"};
  Start();
  EXPECT_EQ(Call(client_), "SERVING");
  EXPECT_EQ(Call(client_authority_.Issue("URI:spiffe://cluster/ns/shop/sa/watcher")), "SERVING");
  EXPECT_THAT(Call(client_authority_.Issue("DNS:other")), StartsWith(kRefused));
  EXPECT_THAT(Call(client_authority_.Issue("IP:10.0.0.7")), StartsWith(kRefused));
  const std::string logged = Logged();
  const std::string line = "TLS: client refused: none of its names is in --tls-allow: other";
  ASSERT_THAT(logged, HasSubstr(line));
  EXPECT_EQ(logged.find("client refused", logged.find(line) + line.size()), std::string::npos)
      << "at most once a minute";
}

TEST_F(TlsServerTest, ARotatedCertificateIsServedWithoutARestart) {
  Start();
  HealthWatch subscriber(OpenChannel(
      server_->addresses()[0],
      grpc::SslCredentials({authority_.pem(), client_.key_pem, client_.certificate_pem}), "node"));
  ASSERT_EQ(subscriber.Next(), "SERVING");
  for (int i = 0; i < 2; ++i) {
    const auto next = authority_.Issue("DNS:node");
    Install(next, client_authority_.pem());
    EXPECT_TRUE(Eventually([&] {
      std::string shown;
      EXPECT_EQ(Call(client_, &shown), "SERVING");
      return shown == next.certificate_pem;
    }));
  }
  EXPECT_THAT(Logged(), HasSubstr("TLS: reloaded"));
  server_->SetServing(false);
  EXPECT_EQ(subscriber.Next(), "NOT_SERVING") << "who was connected stays so";
}

TEST_F(TlsServerTest, ARotatedClientAuthorityIsHeeded) {
  Start();
  const TestAuthority next;
  const auto next_client = next.Issue("DNS:resizer");
  EXPECT_THAT(Call(next_client), StartsWith(kRefused));
  Install(own_, client_authority_.pem() + next.pem());
  EXPECT_TRUE(Eventually([&] { return Call(next_client) == "SERVING"; }));
  EXPECT_EQ(Call(client_), "SERVING");
  Install(own_, next.pem());
  EXPECT_TRUE(Eventually([&] { return Call(client_) != "SERVING"; }));
  EXPECT_EQ(Call(next_client), "SERVING");
}

TEST_F(TlsServerTest, AWrongRotationIsReportedAndTheOldCertificateStays) {
  Start();
  const auto next = authority_.Issue("DNS:node");
  const struct {
    TestAuthority::Certificate own;
    std::string client_ca;
    const char* cause;
  } wrong[] = {
      {{next.certificate_pem, own_.key_pem}, client_authority_.pem(), "is not the key"},
      {own_, "nonsense", "holds no certificate"},
      {authority_.Issue("DNS:node", /*expired=*/true), client_authority_.pem(), "expired"},
  };
  for (const auto& row : wrong) {
    Install(row.own, row.client_ca);
    ASSERT_TRUE(Eventually([&] { return Logged().find(row.cause) != std::string::npos; }));
    EXPECT_EQ(Call(client_), "SERVING") << row.cause;
  }
  std::filesystem::remove(directory_ / "tls");
  ASSERT_TRUE(Eventually([&] { return Logged().find("ENOENT") != std::string::npos; }));
  std::string shown;
  EXPECT_EQ(Call(client_, &shown), "SERVING");
  EXPECT_EQ(shown, own_.certificate_pem);
  EXPECT_THAT(Logged(), HasSubstr("the server keeps its certificate of serial "));

  Install(next, client_authority_.pem());
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(Call(client_, &shown), "SERVING");
    return shown == next.certificate_pem;
  }));
}

}  // namespace
}  // namespace oomtrail::api
