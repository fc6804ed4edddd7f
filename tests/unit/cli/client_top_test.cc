// The built program's `top` against an agent that says what a test tells it to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_event_server.h"
#include "tests/unit/cli/client_process.h"

namespace oomtrail::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

v1::ListUsageResponse Answer(int64_t seconds, bool tracked = false) {
  v1::ListUsageResponse answer;
  answer.mutable_time()->set_seconds(1'795'239'667 + seconds);
  auto* usage = answer.add_usages();
  usage->mutable_pod()->set_namespace_("shop");
  usage->mutable_pod()->set_name("cart-7d9f");
  usage->mutable_container()->set_name("api");
  usage->mutable_cgroup()->set_id(24871);
  usage->set_working_set_bytes(480 << 20);
  usage->set_growth_bytes_per_second(1 << 20);
  usage->set_seconds_to_limit(42);
  answer.mutable_tracking()->set_mode(v1::TRACKING_MODE_OFF);
  if (!tracked) return answer;
  answer.mutable_tracking()->set_mode(v1::TRACKING_MODE_ADAPTIVE);
  usage->mutable_kernel()->set_allocated_bytes(static_cast<double>(seconds + 1) * (1 << 20));
  return answer;
}

class ClientTopTest : public ::testing::Test {
 protected:
  std::vector<std::string> Top(std::vector<std::string> arguments = {}) const {
    std::vector<std::string> all = {"top", "--server", server_.address(), "--interval", "1s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  fakes::FakeEventServer server_;
};

TEST_F(ClientTopTest, OnceIsOneTableAndTheEnd) {
  server_.OnUsage(Answer(0));
  ClientProcess top(Top({"--once", "-n", "shop,bank"}));
  EXPECT_EQ(top.Line(), "05:41:07 UTC  watched 1, warned 0");
  EXPECT_EQ(top.Line(), "");
  EXPECT_THAT(top.Line().value_or(""), StartsWith("NAMESPACE/POD "));
  EXPECT_THAT(top.Line().value_or(""), StartsWith("shop/cart-7d9f "));
  EXPECT_EQ(top.Wait(), 0);
  EXPECT_EQ(top.Out(), "");
  const auto asked = server_.usages();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0].namespaces(), ElementsAre("shop", "bank"));
  EXPECT_THAT(server_.trackings(), SizeIs(0)) << "nobody asked for it";
}

TEST_F(ClientTopTest, WithoutATerminalOneTableFollowsTheOther) {
  server_.OnUsage(Answer(0));
  server_.OnUsage(Answer(1));
  ClientProcess top(Top());
  EXPECT_THAT(top.Line().value_or(""), StartsWith("05:41:07 UTC "));
  for (int i = 0; i < 4; ++i) top.Line();
  EXPECT_THAT(top.Line().value_or(""), StartsWith("05:41:08 UTC "));
  top.Signal(SIGINT);
  EXPECT_EQ(top.Wait(), 0);
  EXPECT_EQ(top.Err(), "");
}

TEST_F(ClientTopTest, RatesTakeTwoAnswersAlsoOnce) {
  server_.OnUsage(Answer(0, /*tracked=*/true));
  server_.OnUsage(Answer(1, /*tracked=*/true));
  ClientProcess top(Top({"--once"}));
  EXPECT_THAT(top.Out(), HasSubstr(" 1.0M/s ±0%\n"));
  EXPECT_EQ(top.Wait(), 0);
  EXPECT_THAT(server_.usages(), SizeIs(2));
}

TEST_F(ClientTopTest, JsonIsAnObjectALine) {
  server_.OnUsage(Answer(0));
  ClientProcess top(Top({"-o", "json"}));
  EXPECT_THAT(top.Line().value_or(""), StartsWith(R"({"schema":"oomtrail.v1.usage","time":)"));
  EXPECT_THAT(top.Line().value_or(""), StartsWith(R"({"schema":"oomtrail.v1.usage")"));
  top.Signal(SIGTERM);
  EXPECT_EQ(top.Wait(), 0);
}

TEST_F(ClientTopTest, TrackingIsOnWhileItRunsAndOffAfter) {
  server_.OnUsage(Answer(0, /*tracked=*/true));
  ClientProcess top(Top({"--track"}));
  EXPECT_TRUE(top.Line());
  top.Signal(SIGINT);
  EXPECT_EQ(top.Wait(), 0);
  const auto asked = server_.trackings();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_EQ(asked.front().mode(), v1::TRACKING_MODE_ADAPTIVE);
  EXPECT_EQ(asked.front().seconds(), 30U) << "it ends by itself where top cannot say so";
  EXPECT_EQ(asked.back().seconds(), 0U);
}

TEST_F(ClientTopTest, AnAgentThatDoesNotLetItTrackSaysWhy) {
  server_.OnTracking({grpc::StatusCode::PERMISSION_DENIED, "only over the agent's unix socket"});
  ClientProcess top(Top({"--track"}));
  EXPECT_EQ(top.Wait(), 1);
  EXPECT_THAT(top.Err(), HasSubstr("only over the agent's unix socket"));
}

TEST_F(ClientTopTest, AnOlderAgentIsNoCrash) {
  ClientProcess top(Top());
  EXPECT_EQ(top.Wait(), 1);
  EXPECT_THAT(top.Err(), HasSubstr("no script"));
}

TEST_F(ClientTopTest, WrongFlagsAreRefusedBeforeAnythingIsTried) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--interval", "0s"},
                                                {"--interval", "2h"},
                                                {"--sort", "name"},
                                                {"-o", "yaml"}}) {
    ClientProcess top(Top(wrong));
    EXPECT_EQ(top.Wait(), 2) << wrong.back();
  }
  EXPECT_THAT(server_.usages(), SizeIs(0));
}

}  // namespace
}  // namespace oomtrail::cli
