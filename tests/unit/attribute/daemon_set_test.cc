#include "agent/attribute/daemon_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_kubelet.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::attribute {
namespace {

using fakes::FakeKubelet;
using fakes::TestAuthority;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kReady[] =
    R"({"kind":"DaemonSet","metadata":{"generation":2},)"
    R"("status":{"observedGeneration":2,"desiredNumberScheduled":3,"numberReady":2}})";

TEST(DaemonSetQuestionTest, NamesOneObjectOfOneServer) {
  const auto question = AskFor("oomtrail/oomtrail-cleanup", "fd00::1", "6443", "/account");
  ASSERT_TRUE(question.ok()) << question.status().message();
  EXPECT_EQ(question->url.Text(),
            "https://[fd00::1]:6443/apis/apps/v1/namespaces/oomtrail/daemonsets/oomtrail-cleanup");
}

TEST(DaemonSetQuestionTest, IsRefusedWhereItWouldMeanSomethingElse) {
  for (const char* name :
       {"", "a", "a/", "/b", "a/b/c", "a/../b", "a/b?x", "a/B", "a/b c", "a/b\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(AskFor(name, "10.0.0.1", "443", "/account").status()))
        << name;
  }
  EXPECT_FALSE(AskFor("a/b", "", "443", "/account").ok());
  EXPECT_FALSE(AskFor("a/b", "10.0.0.1", "http", "/account").ok());
}

TEST(DaemonSetAnswerTest, SaysHowManyNodesAreReady) {
  const auto state = ParseDaemonSet(kReady);
  ASSERT_TRUE(state.ok());
  EXPECT_TRUE(state->observed);
  EXPECT_EQ(state->wanted, 3U);
  EXPECT_EQ(state->ready, 2U);
}

TEST(DaemonSetAnswerTest, IsNotObservedBeforeItsControllerHasSeenIt) {
  for (
      const char* json : {
          R"({"kind":"DaemonSet","metadata":{"generation":1},"status":{"numberReady":0}})",
          R"({"kind":"DaemonSet","metadata":{"generation":2},"status":{"observedGeneration":1}})",
          R"({"kind":"DaemonSet","metadata":{"generation":1}})",
          R"({"kind":"DaemonSet","metadata":7,"status":[]})",
          R"({"kind":"DaemonSet","metadata":{"generation":"1"},"status":{"observedGeneration":"1"}})",
          R"({"kind":"DaemonSet","metadata":{"generation":-1},"status":{"observedGeneration":-1}})",
          R"({"kind":"DaemonSet"})",
      }) {
    const auto state = ParseDaemonSet(json);
    ASSERT_TRUE(state.ok()) << json;
    EXPECT_FALSE(state->observed) << json;
  }
}

TEST(DaemonSetAnswerTest, AnythingElseIsRefused) {
  for (const char* json :
       {"", "{", "[]", "7", R"({"kind":"Status","code":200})", R"({"kind":7})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDaemonSet(json).status())) << json;
  }
}

class AskDaemonSetTest : public testing::Test {
 protected:
  absl::StatusOr<DaemonSetState> Ask(std::string answer) {
    kubelet_.emplace(FakeKubelet::Options{&certificate_},
                     [answer](FakeKubelet::Connection& client) {
                       client.ReadRequest();
                       client.Send(answer);
                     });
    return AskDaemonSet(
        *AskFor("here/cleanup", "127.0.0.1", std::to_string(kubelet_->port()), account_.path()));
  }

  const TestAuthority authority_;
  const TestAuthority::Certificate certificate_ = authority_.Issue("IP:127.0.0.1");
  const fakes::TempDir account_;
  const std::string ca_ = account_.Write("ca.crt", authority_.pem());
  const std::string token_ = account_.Write("token", "s3cr3t\n");
  std::optional<FakeKubelet> kubelet_;
};

TEST_F(AskDaemonSetTest, AsksOnceWithTheAccountsToken) {
  const auto state = Ask(FakeKubelet::Ok(kReady));
  ASSERT_TRUE(state.ok()) << state.status().message();
  EXPECT_EQ(state->ready, 2U);
  EXPECT_THAT(kubelet_->requests(),
              ElementsAre(testing::AllOf(
                  StartsWith("GET /apis/apps/v1/namespaces/here/daemonsets/cleanup HTTP/1.1\r\n"),
                  HasSubstr("Authorization: Bearer s3cr3t\r\n"))));
}

TEST_F(AskDaemonSetTest, ARefusalNamesItsStatus) {
  const auto state = Ask("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(std::string(state.status().message()), HasSubstr("status 403"));
}

TEST_F(AskDaemonSetTest, AServerOfAnotherAuthorityIsNotTold) {
  account_.Write("ca.crt", TestAuthority().pem());
  EXPECT_FALSE(Ask(FakeKubelet::Ok(kReady)).ok());
  EXPECT_THAT(kubelet_->requests(), testing::IsEmpty());
}

TEST_F(AskDaemonSetTest, ATokenThatIsNoneIsNotSent) {
  account_.Write("token", "a\r\nX: y");
  EXPECT_FALSE(Ask(FakeKubelet::Ok(kReady)).ok());
  EXPECT_THAT(kubelet_->requests(), testing::IsEmpty());
}

}  // namespace
}  // namespace oomtrail::attribute
