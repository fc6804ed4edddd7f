// Who may change what is followed: over which door, and with which certificate.
#include <gtest/gtest.h>

#include "agent/api/grpc_server.h"
#include "agent/api/node_service.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_authority.h"
#include "tests/unit/api/grpc_client.h"
#include "tests/unit/publish/stream_fixture.h"

namespace oomtrail::api {
namespace {

using fakes::TestAuthority;

class TrackingPermissionTest : public publish::StreamTest {
 protected:
  ~TrackingPermissionTest() override { server_.reset(); }

  void Serve(ServingOptions options) {
    nodes_ = std::make_unique<NodeService>(
        *stream_, directory_,
        NodeService::Agent{.status = [] { return publish::NodeStatus(); },
                           .usage = [] { return publish::UsageReport(); },
                           .set_tracking =
                               [this](const auto&, uint32_t) {
                                 ++set_;
                                 return absl::OkStatus();
                               }},
        /*names_clients=*/!options.tls_allow.empty());
    auto server =
        GrpcServer::Start(options, {{v1::NodeService::service_full_name(), nodes_.get()}}, log_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
  }

  ServingOptions WithTls(std::vector<std::string> allow) {
    return {.listen = {"127.0.0.1:0"},
            .tls = {.certificate = Written("tls.crt", own_.certificate_pem),
                    .key = Written("tls.key", own_.key_pem),
                    .client_ca = Written("ca.crt", authority_.pem())},
            .tls_allow = std::move(allow)};
  }
  std::string Written(const std::string& name, const std::string& text) {
    dir_.Write(name, text);
    return dir_ / name;
  }

  grpc::StatusCode Call(const std::shared_ptr<grpc::ChannelCredentials>& credentials =
                            grpc::InsecureChannelCredentials(),
                        const std::string& name = "") {
    const auto stub =
        v1::NodeService::NewStub(OpenChannel(server_->addresses()[0], credentials, name));
    grpc::ClientContext usage_context;
    v1::ListUsageResponse usage;
    EXPECT_TRUE(stub->ListUsage(&usage_context, {}, &usage).ok()) << "reading is for all who come";
    grpc::ClientContext context;
    v1::SetTrackingResponse response;
    return stub->SetTracking(&context, {}, &response).error_code();
  }
  grpc::StatusCode CallWithCertificate() {
    const auto client = authority_.Issue("DNS:resizer");
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority_.pem();
    options.pem_private_key = client.key_pem;
    options.pem_cert_chain = client.certificate_pem;
    return Call(grpc::SslCredentials(options), "node");
  }

  fakes::TempDir dir_;
  base::Log log_{base::LogFormat::kText, -1};
  TestAuthority authority_;
  TestAuthority::Certificate own_ = authority_.Issue("DNS:node");
  attribute::PodDirectory directory_{clock_};
  int set_ = 0;
  std::unique_ptr<NodeService> nodes_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(TrackingPermissionTest, OverTheUnixSocketItIsAllowed) {
  Serve({.listen = {"unix://" + (dir_ / "socket")}});
  EXPECT_EQ(Call(), grpc::StatusCode::OK);
  EXPECT_EQ(set_, 1);
}

TEST_F(TrackingPermissionTest, WithoutTlsItIsNot) {
  Serve({.listen = {"127.0.0.1:0"}, .insecure = true});
  EXPECT_EQ(Call(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(set_, 0);
}

TEST_F(TrackingPermissionTest, AClientThatIsNamedMay) {
  Serve(WithTls({"resizer"}));
  EXPECT_EQ(CallWithCertificate(), grpc::StatusCode::OK);
  EXPECT_EQ(set_, 1);
}

TEST_F(TrackingPermissionTest, AnyClientOfTheAuthorityMayNot) {
  Serve(WithTls({}));
  EXPECT_EQ(CallWithCertificate(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(set_, 0);
}

}  // namespace
}  // namespace oomtrail::api
