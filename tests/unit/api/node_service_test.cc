#include "agent/api/node_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>

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
  status_.lookout = forecast::LookoutState{.reader = "cgroup_files",
                                           .reader_reason = "bpf: EPERM",
                                           .pressure = true,
                                           .targets = 12,
                                           .standing = 2,
                                           .last_pass_ns = 1'500'000};
  status_.tracking.error = "no BTF";
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
  EXPECT_EQ(response.lookout().reader(), "cgroup_files");
  EXPECT_EQ(response.lookout().reader_reason(), "bpf: EPERM");
  EXPECT_TRUE(response.lookout().pressure());
  EXPECT_EQ(response.lookout().watched(), 12U);
  EXPECT_EQ(response.lookout().standing_warnings(), 2U);
  EXPECT_EQ(response.lookout().last_pass_seconds(), 0.0015);
  EXPECT_EQ(response.tracking().mode(), v1::TRACKING_MODE_OFF);
  EXPECT_EQ(response.tracking().error(), "no BTF");
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

forecast::CgroupTrend Trend(uint64_t id, std::optional<char> container, double growth,
                            std::optional<double> seconds) {
  forecast::CgroupTrend trend;
  trend.cgroup.id = {id};
  trend.cgroup.path = "/c" + std::to_string(id);
  if (container) {
    trend.cgroup.identity.level = model::Level::kContainer;
    trend.cgroup.identity.container_id = Id(*container);
  }
  trend.usage_bytes = 600;
  trend.working_set_bytes = 500;
  trend.limit = model::Limit{.path = trend.cgroup.path, .bytes = 1000, .usage_bytes = 600};
  trend.trend = {.growth_bytes_per_second = growth, .seconds_to_limit = seconds, .confidence = 0.5};
  return trend;
}

class UsageTest : public ContainersTest {
 protected:
  UsageTest() {
    usage_.wall_ns = clock_.WallNanos();
    usage_.trends = {Trend(1, 'a', 10, std::nullopt), Trend(2, 'b', 5, 42),
                     Trend(3, std::nullopt, 20, std::nullopt), Trend(4, 'c', 1, 7)};
    usage_.trends[1].warned = true;
    usage_.tracking.mode = kernel::TrackingMode::kAdaptive;
    usage_.tracking.one_in = 500;
    usage_.tracking.cgroups = {{.cgroup_id = 2, .kernel = {{.allocated_bytes = 4096}}}};
    usage_.tracking.processes = {
        {.tgid = 10, .comm = "sh"},
        {.tgid = 11, .comm = "a\nb", .cgroup_id = 2, .kernel = {{.allocated_bytes = 100}}},
        {.tgid = 12, .comm = "java", .kernel = {{.allocated_bytes = 200, .relative_error = 0.1}}}};
  }

  grpc::Status ListUsage(const v1::ListUsageRequest& request, v1::ListUsageResponse* response) {
    grpc::ClientContext context;
    return node_stub_->ListUsage(&context, request, response);
  }
  grpc::Status SetTracking(const v1::SetTrackingRequest& request) {
    grpc::ClientContext context;
    v1::SetTrackingResponse response;
    return node_stub_->SetTracking(&context, request, &response);
  }
};

TEST_F(UsageTest, WhoIsNearestToALimitComesFirstThenWhoGrows) {
  v1::ListUsageResponse response;
  ASSERT_TRUE(ListUsage({}, &response).ok());
  ASSERT_EQ(response.usages_size(), 4);
  EXPECT_EQ(response.usages(0).container().name(), "api");
  EXPECT_EQ(response.usages(0).seconds_to_limit(), 7);
  EXPECT_EQ(response.usages(1).pod().name(), "ledger");
  EXPECT_TRUE(response.usages(1).warned());
  EXPECT_EQ(response.usages(1).kernel().allocated_bytes(), 4096);
  EXPECT_EQ(response.usages(1).limit().bytes(), 1000U);
  EXPECT_EQ(response.usages(2).cgroup().path(), "/c3");
  EXPECT_FALSE(response.usages(2).has_pod());
  EXPECT_FALSE(response.usages(2).has_kernel());
  EXPECT_FALSE(response.usages(3).has_seconds_to_limit());
  EXPECT_EQ(response.usages(3).working_set_bytes(), 500U);
  EXPECT_TRUE(response.has_time());
}

TEST_F(UsageTest, ProcessesComeByWhatTheyAllocated) {
  v1::ListUsageResponse response;
  ASSERT_TRUE(ListUsage({}, &response).ok());
  ASSERT_EQ(response.processes_size(), 3);
  EXPECT_EQ(response.processes(0).comm(), "java");
  EXPECT_EQ(response.processes(0).kernel().relative_error(), 0.1);
  EXPECT_EQ(response.processes(1).comm(), "a\\x0ab");
  EXPECT_FALSE(response.processes(2).has_kernel());
  EXPECT_EQ(response.tracking().mode(), v1::TRACKING_MODE_ADAPTIVE);
  EXPECT_EQ(response.tracking().one_in(), 500U);
}

TEST_F(UsageTest, CanBeOfSomeNamespacesAndOfSoMany) {
  v1::ListUsageRequest request;
  request.add_namespaces("shop");
  request.set_number(1);
  v1::ListUsageResponse response;
  ASSERT_TRUE(ListUsage(request, &response).ok());
  ASSERT_EQ(response.usages_size(), 1);
  EXPECT_EQ(response.usages(0).pod().name(), "cart");
  EXPECT_EQ(response.left_out(), 1U) << "of that namespace";
  EXPECT_EQ(response.processes_size(), 1);
}

TEST_F(UsageTest, TooManyAreRefusedByTheirField) {
  v1::ListUsageRequest request;
  request.set_number(1001);
  v1::ListUsageResponse response;
  const grpc::Status status = ListUsage(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status)->field_violations(0).field(), "number");
}

TEST_F(UsageTest, WhatIsNoNumberIsAbsent) {
  usage_.trends = {Trend(1, 'a', NAN, INFINITY)};
  v1::ListUsageResponse response;
  ASSERT_TRUE(ListUsage({}, &response).ok());
  EXPECT_EQ(response.usages(0).growth_bytes_per_second(), 0);
  EXPECT_FALSE(response.usages(0).has_seconds_to_limit());
}

TEST_F(UsageTest, TrackingIsSetForAWhile) {
  v1::SetTrackingRequest request;
  request.set_mode(v1::TRACKING_MODE_KEYED);
  request.add_cgroup_ids(2);
  request.add_pids(11);
  request.set_kernel(true);
  request.set_seconds(30);
  ASSERT_TRUE(SetTracking(request).ok());
  ASSERT_TRUE(tracking_);
  EXPECT_EQ(tracking_->first.mode, kernel::TrackingMode::kKeyed);
  EXPECT_THAT(tracking_->first.cgroups, ElementsAre(2));
  EXPECT_THAT(tracking_->first.pids, ElementsAre(11));
  EXPECT_TRUE(tracking_->first.kernel);
  EXPECT_FALSE(tracking_->first.user);
  EXPECT_EQ(tracking_->second, 30U);
  EXPECT_TRUE(Validate(tracking_->first).ok());
}

TEST_F(UsageTest, NoTimeAtAllIsTheEndOfIt) {
  ASSERT_TRUE(SetTracking({}).ok());
  ASSERT_TRUE(tracking_);
  EXPECT_EQ(tracking_->second, 0U);
}

TEST_F(UsageTest, WhatTheAgentCannotDoIsSaid) {
  tracking_answer_ = absl::FailedPreconditionError("no BTF\x1b[2J");
  v1::SetTrackingRequest request;
  request.set_mode(v1::TRACKING_MODE_ADAPTIVE);
  request.set_seconds(30);
  const grpc::Status status = SetTracking(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "no BTF\\x1b[2J");
}

struct WrongTracking {
  const char* name;
  void (*make)(v1::SetTrackingRequest&);
  const char* field;
};

void PrintTo(const WrongTracking& row, std::ostream* out) { *out << row.name; }

class WrongTrackingTest : public UsageTest, public ::testing::WithParamInterface<WrongTracking> {};

TEST_P(WrongTrackingTest, IsRefusedByItsField) {
  v1::SetTrackingRequest request;
  request.set_mode(v1::TRACKING_MODE_ADAPTIVE);
  request.set_seconds(30);
  GetParam().make(request);
  const grpc::Status status = SetTracking(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status)->field_violations(0).field(),
            GetParam().field);
  EXPECT_FALSE(tracking_) << "nothing was tried";
}

constexpr WrongTracking kWrongTrackings[] = {
    {"NoMode", [](auto& r) { r.clear_mode(); }, "mode"},
    {"ModeOfTheFuture", [](auto& r) { r.set_mode(static_cast<v1::TrackingMode>(9)); }, "mode"},
    {"NegativeMode", [](auto& r) { r.set_mode(static_cast<v1::TrackingMode>(-1)); }, "mode"},
    {"TooLong", [](auto& r) { r.set_seconds(86'401); }, "seconds"},
    {"TooManyEvents", [](auto& r) { r.set_events_per_second(100'001); }, "events_per_second"},
    {"TooRare", [](auto& r) { r.set_one_in(1'000'001); }, "one_in"},
    {"KeysWithoutTheMode", [](auto& r) { r.add_pids(1); }, "pids"},
    {"NoKeys", [](auto& r) { r.set_mode(v1::TRACKING_MODE_KEYED); }, "pids"},
    {"TooManyKeys",
     [](auto& r) {
       r.set_mode(v1::TRACKING_MODE_KEYED);
       for (uint32_t i = 0; i < 65; ++i) r.add_cgroup_ids(i);
     },
     "cgroup_ids"},
    {"FreesOfUserMemory",
     [](auto& r) {
       r.set_user(true);
       r.set_frees(true);
     },
     "frees"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WrongTrackingTest, ::testing::ValuesIn(kWrongTrackings),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace oomtrail::api
