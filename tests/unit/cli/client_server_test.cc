// What a client says of an agent that cannot be reached, and of one that is not what it should be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "tests/fakes/fake_event_server.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_authority.h"
#include "tests/unit/cli/client_process.h"

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;
using Arguments = std::vector<std::string>;

// The one line of a command that fails with this exit code.
std::string Failure(const Arguments& arguments, int code) {
  ClientProcess process(arguments);
  EXPECT_EQ(process.Wait(), code);
  EXPECT_EQ(process.Out(), "");
  const std::string said = process.Err();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  return said;
}

TEST(ClientServerTest, WithoutAnAgentEachCommandNamesTheRemedy) {
  const fakes::TempDir directory;
  const std::string address = "unix://" + (directory / "none.sock");
  for (const std::string command : {"watch", "list", "status"}) {
    EXPECT_EQ(Failure({command, "--server", address}, 1),
              "oomtrail: no agent listens at " + address +
                  ": is it running on this node? (oomtrail agent; in Kubernetes: kubectl exec -n "
                  "oomtrail ds/oomtrail -- /oomtrail watch)\n");
  }
}

TEST(ClientServerTest, AListenerThatSpeaksNoGrpcIsAFailure) {
  const fakes::TempDir directory;
  const std::string path = directory / "http.sock";
  const base::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  std::thread server([fd = listener.get()] {
    while (true) {
      const base::UniqueFd client(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.ok()) return;
      constexpr char kAnswer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
      [[maybe_unused]] const ssize_t sent =
          ::send(client.get(), kAnswer, sizeof kAnswer - 1, MSG_NOSIGNAL);
    }
  });
  EXPECT_THAT(Failure({"status", "--server", "unix://" + path}, 1), HasSubstr(path));
  ::shutdown(listener.get(), SHUT_RDWR);
  server.join();
}

TEST(ClientServerTest, PlaintextOverTcpMustBeAskedFor) {
  fakes::FakeEventServer server(grpc::InsecureServerCredentials());
  EXPECT_THAT(Failure({"status", "--server", server.address()}, 2), HasSubstr("--tls-ca"));
  ClientProcess asked({"status", "--server", server.address(), "--insecure"});
  EXPECT_EQ(asked.Wait(), 0);
}

class ClientTlsTest : public ::testing::Test {
 protected:
  // An agent whose certificate is for this name, and that wants one of `authority_`.
  void Serve(const std::string& name, bool expired = false) {
    const auto certificate = authority_.Issue(name, expired);
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = authority_.pem();
    options.pem_key_cert_pairs.push_back({certificate.key_pem, certificate.certificate_pem});
    server_ = std::make_unique<fakes::FakeEventServer>(grpc::SslServerCredentials(options));
    ca_ = directory_.Write("ca.pem", authority_.pem());
    const auto client = authority_.Issue("DNS:client");
    cert_ = directory_.Write("client.pem", client.certificate_pem);
    key_ = directory_.Write("client.key", client.key_pem);
  }

  Arguments Status(Arguments more = {}) const {
    Arguments all = {"status", "--server", server_->address(), "--tls-ca", ca_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Arguments StatusWithCertificate(Arguments more = {}) const {
    more.insert(more.end(), {"--tls-cert", cert_, "--tls-key", key_});
    return Status(more);
  }

  const fakes::TestAuthority authority_;
  const fakes::TempDir directory_;
  std::unique_ptr<fakes::FakeEventServer> server_;
  std::string ca_;
  std::string cert_;
  std::string key_;
};

TEST_F(ClientTlsTest, BothSidesShowTheirCertificates) {
  Serve("IP:127.0.0.1");
  ClientProcess status(StatusWithCertificate());
  EXPECT_EQ(status.Wait(), 0);
  EXPECT_EQ(status.Err(), "");
}

TEST_F(ClientTlsTest, AnotherNameIsAcceptedWhenItIsGiven) {
  Serve("DNS:worker-3");
  EXPECT_THAT(Failure(StatusWithCertificate(), 1), HasSubstr("--tls-server-name"));
  ClientProcess status(StatusWithCertificate({"--tls-server-name", "worker-3"}));
  EXPECT_EQ(status.Wait(), 0);
}

TEST_F(ClientTlsTest, AnotherAuthorityIsRefused) {
  Serve("IP:127.0.0.1");
  ca_ = directory_.Write("other.pem", fakes::TestAuthority().pem());
  EXPECT_THAT(Failure(StatusWithCertificate(), 1), HasSubstr("--tls-ca"));
}

TEST_F(ClientTlsTest, AnExpiredCertificateIsRefused) {
  Serve("IP:127.0.0.1", /*expired=*/true);
  EXPECT_THAT(Failure(StatusWithCertificate(), 1), HasSubstr("expired"));
}

TEST_F(ClientTlsTest, WithoutACertificateOfItsOwnTheClientNamesTheFlags) {
  Serve("IP:127.0.0.1");
  EXPECT_THAT(Failure(Status(), 1), HasSubstr("--tls-cert"));
}

TEST_F(ClientTlsTest, PlaintextToATlsAgentNamesTheFlag) {
  Serve("IP:127.0.0.1");
  EXPECT_THAT(Failure({"status", "--server", server_->address(), "--insecure"}, 1),
              HasSubstr("--tls-ca"));
}

TEST_F(ClientTlsTest, WrongFilesAreRefusedBeforeAnythingIsTried) {
  Serve("IP:127.0.0.1");
  const std::string text = directory_.Write("text", "not PEM");
  EXPECT_THAT(Failure(Status({"--tls-cert", cert_}), 2), HasSubstr("--tls-key"));
  EXPECT_THAT(Failure(Status({"--tls-cert", text, "--tls-key", key_}), 2), HasSubstr(text));
  EXPECT_THAT(Failure(Status({"--tls-cert", cert_, "--tls-key", cert_}), 2),
              HasSubstr("PRIVATE KEY"));
  ca_ = directory_ / "missing.pem";
  EXPECT_THAT(Failure(Status(), 2), HasSubstr("missing.pem: ENOENT"));
}

}  // namespace
}  // namespace oomtrail::cli
