#include "agent/api/grpc_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/base/strings.h"
#include "oomtrail/v1/node_service.grpc.pb.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/api/grpc_client.h"
#include "tests/unit/api/sockets.h"

namespace oomtrail::api {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class NodeService final : public v1::NodeService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetNodeStatus(grpc::CallbackServerContext* context,
                                          const v1::GetNodeStatusRequest* /*request*/,
                                          v1::GetNodeStatusResponse* response) override {
    response->set_node(answer_);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  std::string answer_ = "node-1";
};

class GrpcServerTest : public testing::Test {
 protected:
  GrpcServerTest()
      : log_file_(::open((directory_ / "log").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    options_.listen = {base::StrCat("unix://", directory_ / "run/oomtrail.sock")};
  }

  void Start() {
    auto server = GrpcServer::Start(options_, {{"oomtrail.v1.NodeService", &service_}}, log_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
    server_->SetServing(true);
  }
  std::string Logged() const {
    std::ifstream in(directory_ / "log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::shared_ptr<grpc::Channel> Channel(size_t i = 0) {
    return OpenChannel(server_->addresses()[i]);
  }

  fakes::TempDir directory_;
  base::UniqueFd log_file_;
  base::Log log_{base::LogFormat::kText, log_file_.get()};
  ServingOptions options_;
  NodeService service_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTest, ServesOnEveryAddress) {
  options_.listen.emplace_back("127.0.0.1:0");
  options_.listen.emplace_back("[::1]:0");
  options_.insecure = true;
  Start();
  ASSERT_EQ(server_->addresses().size(), 3U);
  for (const std::string& address : server_->addresses()) {
    const auto stub = v1::NodeService::NewStub(OpenChannel(address));
    grpc::ClientContext context;
    v1::GetNodeStatusResponse response;
    const grpc::Status status = stub->GetNodeStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << address << ": " << status.error_message();
    EXPECT_EQ(response.node(), "node-1");
  }
}

TEST_F(GrpcServerTest, HealthIsToldForTheWholeAndEachService) {
  Start();
  const auto channel = Channel();
  for (const char* service : {"", "oomtrail.v1.NodeService"}) {
    EXPECT_EQ(CheckHealth(channel, service), "SERVING");
  }
  EXPECT_THAT(CheckHealth(channel, "no.such.Service"), StartsWith("5 "));
  server_->SetServing(false);
  for (const char* service : {"", "oomtrail.v1.NodeService"}) {
    EXPECT_EQ(CheckHealth(channel, service), "NOT_SERVING");
  }
}

TEST_F(GrpcServerTest, IsNotServingUntilToldTo) {
  auto server = GrpcServer::Start(options_, {}, log_);
  ASSERT_TRUE(server.ok()) << server.status().message();
  EXPECT_EQ(CheckHealth(OpenChannel((*server)->addresses()[0])), "NOT_SERVING");
}

TEST_F(GrpcServerTest, ReflectionNamesTheServices) {
  Start();
  EXPECT_THAT(ListServices(Channel()), HasSubstr("oomtrail.v1.NodeService"));
}

TEST_F(GrpcServerTest, ATooLargeRequestIsRefused) {
  Start();
  EXPECT_THAT(CheckHealth(Channel(), std::string(100, 'a')), StartsWith("5 "));
  const auto stub = v1::NodeService::NewStub(Channel());
  grpc::ClientContext context;
  v1::GetNodeStatusResponse response;
  v1::GetNodeStatusRequest request;
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
      1, std::string(65 << 10, 'a'));
  EXPECT_EQ(stub->GetNodeStatus(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcServerTest, TooMuchMetadataIsRefused) {
  Start();
  const auto stub = v1::NodeService::NewStub(Channel());
  grpc::ClientContext context;
  context.AddMetadata("x", std::string(9 << 10, 'a'));
  v1::GetNodeStatusResponse response;
  EXPECT_EQ(stub->GetNodeStatus(&context, {}, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcServerTest, ALargeAnswerFits) {
  service_.answer_ = std::string(3 << 20, 'a');
  Start();
  const auto stub = v1::NodeService::NewStub(Channel());
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    v1::GetNodeStatusResponse response;
    const grpc::Status status = stub->GetNodeStatus(&context, {}, &response);
    ASSERT_TRUE(status.ok()) << i << ": " << status.error_message();
    EXPECT_EQ(response.node().size(), service_.answer_.size());
  }
}

TEST_F(GrpcServerTest, InsecureIsShouted) {
  options_.listen = {"127.0.0.1:0"};
  options_.insecure = true;
  Start();
  EXPECT_THAT(Logged(),
              HasSubstr(base::StrCat(" warn INSECURE: no TLS on ", server_->addresses()[0],
                                     ": anyone who can reach it can read events of this node")));
}

TEST_F(GrpcServerTest, AUnixSocketIsNotShoutedAbout) {
  options_.insecure = true;
  Start();
  EXPECT_EQ(Logged(), "");
}

TEST_F(GrpcServerTest, WrongOptionsAreRefusedBeforeAnythingIsMade) {
  options_.listen.emplace_back("127.0.0.1:0");
  const auto server = GrpcServer::Start(options_, {}, log_);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "run"));
}

TEST_F(GrpcServerTest, TheSecondOnOneSocketIsRefusedAndHarmsNothing) {
  Start();
  const auto second = GrpcServer::Start(options_, {}, log_);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process serves"));
  EXPECT_EQ(CheckHealth(Channel()), "SERVING");
}

TEST_F(GrpcServerTest, StoppingEndsOpenStreamsInTimeAndRemovesTheSocket) {
  Start();
  const auto channel = Channel();
  std::vector<std::unique_ptr<HealthWatch>> watches;
  for (int i = 0; i < 20; ++i) {
    watches.push_back(std::make_unique<HealthWatch>(channel));
    ASSERT_EQ(watches.back()->Next(), "SERVING");
  }
  const auto before = std::chrono::steady_clock::now();
  server_->Stop(milliseconds(200));
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(5000));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "run/oomtrail.sock"));
  for (const auto& watch : watches) {
    while (!watch->Next().empty()) {
    }
    EXPECT_NE(watch->Finish(), grpc::StatusCode::OK);
  }
  EXPECT_EQ(server_->counts().connections, 0U);
  server_->Stop(milliseconds(200));
}

TEST_F(GrpcServerTest, StoppingEndsHalfOpenConnections) {
  Start();
  const base::UniqueFd silent = Connect(server_->addresses()[0]);
  ASSERT_TRUE(Eventually([&] { return server_->counts().connections == 1; }));
  server_->Stop(milliseconds(0));
  EXPECT_TRUE(EndsWithin(silent.get(), kGenerous));
}

TEST_F(GrpcServerTest, CanBeStartedAgainInTheSamePlace) {
  for (int i = 0; i < 3; ++i) {
    Start();
    EXPECT_EQ(CheckHealth(Channel()), "SERVING");
    server_.reset();
  }
}

}  // namespace
}  // namespace oomtrail::api
