#include "agent/api/node_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/unit/api/service_fixture.h"

namespace oomtrail::api {
namespace {

using ::testing::ElementsAre;

model::ContainerId Id(char digit) { return *model::ContainerId::Parse(std::string(64, digit)); }

attribute::PodEntry Pod(const std::string& ns, const std::string& name,
                        std::vector<attribute::ContainerEntry> containers) {
  attribute::PodEntry pod;
  pod.facts = {.name = name, .ns = ns};
  pod.containers = std::move(containers);
  return pod;
}

TEST_F(ServiceTest, StatusSaysWhatIsArmedAndWhatWasRefused) {
  status_.node = "node";
  status_.version = "1.2.3";
  status_.kernel = "6.1.0\x1b[31m";
  status_.cgroup_version = 2;
  status_.hooks = {
      {.hook = kernel::Hook::kVictim,
       .chosen = model::HookMethod::kTpBtf,
       .attempts = {{.method = model::HookMethod::kFentry, .stage = "load", .error = EPERM},
                    {.method = model::HookMethod::kTpBtf, .stage = "attach"}},
       .pinned = true},
      {.hook = kernel::Hook::kContext}};
  status_.sources = {{.name = "cri",
                      .where = "unix:///run/containerd/containerd.sock",
                      .last_success_wall_ns = clock_.WallNanos(),
                      .last_error = "",
                      .containers = 12},
                     {.name = "kubelet", .last_error = "401", .failures_in_a_row = 2}};
  status_.losses = {{"kill_ring_full", 3}};
  status_.unattributed = {{"no_source", 2}};
  status_.events = 7;
  Publish();
  const Call watching = WatchLive();
  grpc::ClientContext context;
  v1::GetNodeStatusResponse response;
  ASSERT_TRUE(node_stub_->GetNodeStatus(&context, {}, &response).ok());
  EXPECT_EQ(response.node(), "node");
  EXPECT_EQ(response.version(), "1.2.3");
  EXPECT_EQ(response.kernel(), "6.1.0\\x1b[31m");
  ASSERT_EQ(response.hooks_size(), 2);
  EXPECT_EQ(response.hooks(0).hook(), "victim");
  EXPECT_EQ(response.hooks(0).method(), v1::METHOD_TP_BTF);
  EXPECT_TRUE(response.hooks(0).pinned());
  EXPECT_THAT(response.hooks(0).refusals(), ElementsAre("fentry: EPERM at load"));
  EXPECT_EQ(response.hooks(1).method(), v1::METHOD_UNSPECIFIED);
  ASSERT_EQ(response.name_sources_size(), 2);
  EXPECT_TRUE(response.name_sources(0).answers());
  EXPECT_TRUE(response.name_sources(0).has_last_success());
  EXPECT_EQ(response.name_sources(0).containers(), 12U);
  EXPECT_FALSE(response.name_sources(1).answers());
  EXPECT_EQ(response.name_sources(1).error(), "401");
  EXPECT_EQ(response.losses(0).stage(), "kill_ring_full");
  EXPECT_EQ(response.losses(0).count(), 3U);
  EXPECT_EQ(response.unattributed().at("no_source"), 2U);
  EXPECT_EQ(response.events(), 7U);
  EXPECT_EQ(response.subscribers(), 1U);
  EXPECT_EQ(response.journal().events(), 1U);
  EXPECT_EQ(response.journal().oldest_cursor(), stream_->CursorAt(0));
  EXPECT_EQ(response.journal().newest_cursor(), stream_->CursorAt(1));
}

class ContainersTest : public ServiceTest {
 protected:
  ContainersTest() {
    attribute::Listing listing;
    listing.pods.push_back(Pod("shop", "cart",
                               {{.id = Id('c'), .facts = {.name = "api", .image = "cart:1"}},
                                {.id = Id('a'), .facts = {.name = "proxy"}},
                                {.id = Id('f'), .facts = {}, .sandbox = true}}));
    listing.pods.push_back(Pod("bank", "ledger", {{.id = Id('b'), .facts = {.name = "db"}}}));
    directory_.Update("cri", std::move(listing));
  }

  grpc::Status ListContainers(const v1::ListContainersRequest& request,
                              v1::ListContainersResponse* response) {
    grpc::ClientContext context;
    return node_stub_->ListContainers(&context, request, response);
  }
};

TEST_F(ContainersTest, AreListedByIdWithoutSandboxes) {
  v1::ListContainersResponse response;
  ASSERT_TRUE(ListContainers({}, &response).ok());
  ASSERT_EQ(response.containers_size(), 3);
  EXPECT_EQ(response.containers(0).container().name(), "proxy");
  EXPECT_EQ(response.containers(1).container().name(), "db");
  EXPECT_EQ(response.containers(1).pod().namespace_(), "bank");
  EXPECT_EQ(response.containers(2).container().image(), "cart:1");
  EXPECT_EQ(response.containers(2).container().id(), Id('c').str());
  EXPECT_THAT(response.containers(2).sources(), ElementsAre("cri"));
  EXPECT_TRUE(response.next_page_token().empty());
}

TEST_F(ContainersTest, ComeInPages) {
  v1::ListContainersRequest request;
  request.set_page_size(2);
  v1::ListContainersResponse first;
  ASSERT_TRUE(ListContainers(request, &first).ok());
  ASSERT_EQ(first.containers_size(), 2);
  request.set_page_token(first.next_page_token());
  v1::ListContainersResponse second;
  ASSERT_TRUE(ListContainers(request, &second).ok());
  ASSERT_EQ(second.containers_size(), 1);
  EXPECT_EQ(second.containers(0).container().name(), "api");
  EXPECT_TRUE(second.next_page_token().empty());
}

TEST_F(ContainersTest, CanBeOfSomeNamespaces) {
  v1::ListContainersRequest request;
  request.add_namespaces("bank");
  v1::ListContainersResponse response;
  ASSERT_TRUE(ListContainers(request, &response).ok());
  ASSERT_EQ(response.containers_size(), 1);
  EXPECT_EQ(response.containers(0).pod().name(), "ledger");
}

TEST_F(ContainersTest, AWrongPageTokenIsRefused) {
  v1::ListContainersRequest request;
  request.set_page_token("x");
  v1::ListContainersResponse response;
  const grpc::Status status = ListContainers(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status)->field_violations(0).field(), "page_token");
}

}  // namespace
}  // namespace oomtrail::api
