#include "agent/cli/name_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace oomtrail::cli {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(NameSources, TheDefaultIsARuntimeThatMayComeLater) {
  const auto sources = MakeNameSources(AgentOptions{});
  ASSERT_TRUE(sources.ok()) << sources.status().message();
  ASSERT_THAT(*sources, SizeIs(1));
  EXPECT_EQ((*sources)[0]->name(), "cri");
}

TEST(NameSources, TheRuntimeIsBelievedBeforeTheKubelet) {
  const auto sources = MakeNameSources({.kubelet_url = "https://192.0.2.1:10250"});
  ASSERT_TRUE(sources.ok()) << sources.status().message();
  ASSERT_THAT(*sources, SizeIs(2));
  EXPECT_EQ((*sources)[0]->name(), "cri");
  EXPECT_EQ((*sources)[1]->name(), "kubelet");
  EXPECT_EQ((*sources)[1]->where(), "https://192.0.2.1:10250/pods");
}

TEST(NameSources, NobodyNeedBeAsked) {
  const auto sources = MakeNameSources({.cri_endpoint = "none"});
  ASSERT_TRUE(sources.ok());
  EXPECT_THAT(*sources, SizeIs(0));
  EXPECT_THAT(DescribeNameSources({.cri_endpoint = "none"}).at(0), HasSubstr("pod uid and"));
}

struct Wrong {
  const char* name;
  std::function<void(AgentOptions&)> make;
  const char* said;
};
class WrongNameSourcesTest : public testing::TestWithParam<Wrong> {};

TEST_P(WrongNameSourcesTest, EndTheAgentBeforeItStarts) {
  AgentOptions options;
  GetParam().make(options);
  const absl::Status status = CheckNameSources(options);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().said));
}

const Wrong kWrong[] = {
    {"endpoint", [](AgentOptions& o) { o.cri_endpoint = "tcp://127.0.0.1"; }, "--cri-endpoint"},
    {"no_such_socket", [](AgentOptions& o) { o.cri_endpoint = "unix:///no/such.sock"; },
     "no such file"},
    {"url", [](AgentOptions& o) { o.kubelet_url = "192.0.2.1"; }, "--kubelet-url"},
    {"token_file", [](AgentOptions& o) { o.kubelet_token_file = "/no/such/token"; },
     "--kubelet-token-file /no/such/token"},
    {"ca", [](AgentOptions& o) { o.kubelet_ca = "/no/such/ca"; }, "--kubelet-ca /no/such/ca"},
    {"labels", [](AgentOptions& o) { o.pod_labels = {"app="}; }, "--pod-labels app="},
    {"annotations", [](AgentOptions& o) { o.pod_annotations = {"a*b"}; }, "--pod-annotations a*b"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WrongNameSourcesTest, testing::ValuesIn(kWrong),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace oomtrail::cli
