#include "agent/attribute/cri_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "agent/base/strings.h"
#include "tests/fakes/fake_cri_server.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

using Clock = std::chrono::steady_clock;

constexpr int kInternal = 13;
constexpr int kUnimplemented = 12;
constexpr milliseconds kGenerous(20'000);

::runtime::v1::PodSandbox Sandbox() {
  ::runtime::v1::PodSandbox sandbox;
  sandbox.set_id(HexId('f'));
  sandbox.mutable_metadata()->set_name("cart-7d9fbb-x2k4z");
  sandbox.mutable_metadata()->set_namespace_("shop");
  sandbox.mutable_metadata()->set_uid(UidText('a'));
  (*sandbox.mutable_labels())["app"] = "cart";
  return sandbox;
}

::runtime::v1::Container Container() {
  ::runtime::v1::Container container;
  container.set_id(HexId('1'));
  container.set_pod_sandbox_id(HexId('f'));
  auto& labels = *container.mutable_labels();
  labels["io.kubernetes.pod.name"] = "cart-7d9fbb-x2k4z";
  labels["io.kubernetes.pod.namespace"] = "shop";
  labels["io.kubernetes.pod.uid"] = UidText('a');
  labels["io.kubernetes.container.name"] = "api";
  return container;
}

class CriSourceTest : public testing::Test {
 protected:
  CriSource Source() {
    options_.socket_path = server_.socket_path();
    return CriSource(options_);
  }

  std::string Failure(absl::StatusCode code) {
    CriSource source = Source();
    const auto before = Clock::now();
    const auto listing = source.List();
    EXPECT_LT(Clock::now() - before, kGenerous / 2);
    EXPECT_EQ(listing.status().code(), code) << listing.status().message();
    const std::string message(listing.status().message());
    EXPECT_THAT(message, HasSubstr(base::StrCat("cri unix://", server_.socket_path(), ": ")));
    return message;
  }

  fakes::FakeCriServer server_;
  CriOptions options_{.shown = EverythingShown(), .call_deadline = kGenerous};
};

TEST_F(CriSourceTest, JoinsContainersWithTheirPods) {
  server_.Add(Sandbox());
  server_.Add(Container());
  CriSource source = Source();
  EXPECT_EQ(source.name(), "cri");
  const auto listing = source.List();
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  ASSERT_THAT(listing->pods, SizeIs(1));
  const PodEntry& pod = listing->pods[0];
  EXPECT_EQ(pod.facts.name, "cart-7d9fbb-x2k4z");
  EXPECT_EQ(pod.facts.labels.at("app"), "cart");
  ASSERT_THAT(pod.containers, SizeIs(2));
  EXPECT_EQ(pod.containers[1].id, Id('1'));
  EXPECT_EQ(pod.containers[1].facts.name, "api");
  EXPECT_EQ(pod.containers[1].facts.runtime, model::Runtime::kContainerd);
}

TEST_F(CriSourceTest, NobodyListens) {
  server_.Stop();
  EXPECT_THAT(Failure(absl::StatusCode::kUnavailable),
              AllOf(HasSubstr("Version: connect: No such file or directory"),
                    HasSubstr("is the runtime running"), HasSubstr("socket's directory mounted")));
}

TEST_F(CriSourceTest, ARuntimeThatHangs) {
  server_.Hang();
  options_.call_deadline = milliseconds(200);
  EXPECT_THAT(Failure(absl::StatusCode::kDeadlineExceeded),
              HasSubstr("Version: no answer within 200 ms"));
}

TEST_F(CriSourceTest, ARuntimeThatFails) {
  server_.FailWith(kInternal, "disk full");
  EXPECT_THAT(Failure(absl::StatusCode::kInternal), HasSubstr("disk full"));
}

TEST_F(CriSourceTest, ARuntimeThatFailsAtLength) {
  server_.FailWith(kInternal, std::string(3000, 'x'));
  EXPECT_LT(Failure(absl::StatusCode::kInternal).size(), 600u);
}

TEST_F(CriSourceTest, ARuntimeWithoutThisInterface) {
  server_.FailWith(kUnimplemented, "unknown service runtime.v1.RuntimeService");
  EXPECT_THAT(Failure(absl::StatusCode::kUnimplemented),
              AllOf(HasSubstr("has no CRI v1"), HasSubstr("plugin is disabled")));
}

TEST_F(CriSourceTest, AnAnswerThatIsTooLarge) {
  options_.max_answer_bytes = 64 << 10;
  for (int i = 0; i < 1000; ++i) server_.Add(Container());
  EXPECT_THAT(Failure(absl::StatusCode::kResourceExhausted),
              AllOf(HasSubstr("ListContainers: "), HasSubstr("may have 65536 bytes at most")));
}

TEST_F(CriSourceTest, ARuntimeThatStopsInTheMiddle) {
  CriSource source = Source();
  ASSERT_TRUE(source.List().ok());
  server_.Hang();
  std::thread stopper([&] {
    EXPECT_TRUE(server_.WaitUntilHanging());
    server_.Stop();
  });
  const auto before = Clock::now();
  const auto listing = source.List();
  EXPECT_LT(Clock::now() - before, kGenerous / 2);
  stopper.join();
  EXPECT_FALSE(listing.ok());
}

TEST_F(CriSourceTest, ARuntimeThatComesBackIsFoundAgain) {
  CriSource source = Source();
  ASSERT_TRUE(source.List().ok());
  server_.Stop();
  ASSERT_FALSE(source.List().ok());
  server_.Add(Sandbox());
  server_.Start();
  // The channel waits a second at most before it tries again.
  const auto give_up = Clock::now() + kGenerous;
  auto listing = source.List();
  while (!listing.ok() && Clock::now() < give_up) listing = source.List();
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  EXPECT_THAT(listing->pods, SizeIs(1));
}

TEST_F(CriSourceTest, ARuntimeThatIsLateIsFound) {
  server_.Stop();
  CriSource source = Source();
  ASSERT_FALSE(source.List().ok());
  server_.Start();
  const auto give_up = Clock::now() + kGenerous;
  while (!source.List().ok()) ASSERT_LT(Clock::now(), give_up);
}

TEST_F(CriSourceTest, CancelEndsACallInProgress) {
  server_.Hang();
  CriSource source = Source();
  absl::Status status;
  std::thread lister([&] { status = source.List().status(); });
  EXPECT_TRUE(server_.WaitUntilHanging());
  const auto before = Clock::now();
  source.Cancel();
  lister.join();
  EXPECT_LT(Clock::now() - before, kGenerous / 2);
  EXPECT_TRUE(absl::IsCancelled(status)) << status.message();
}

TEST_F(CriSourceTest, CancelIsForGood) {
  CriSource source = Source();
  source.Cancel();
  EXPECT_TRUE(absl::IsCancelled(source.List().status()));
}

}  // namespace
}  // namespace oomtrail::attribute
