#include "agent/attribute/kubelet_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oomtrail::attribute {
namespace {

using testing::HasSubstr;

struct Row {
  const char* name;
  std::string flag;
  std::string expected;  // Text(), or a part of the error
  bool ok = true;
};

class KubeletUrlTest : public testing::TestWithParam<Row> {};

TEST_P(KubeletUrlTest, IsReadOrRefused) {
  const auto url = ParseKubeletUrl(GetParam().flag);
  ASSERT_EQ(url.ok(), GetParam().ok) << url.status().message();
  if (url.ok()) {
    EXPECT_EQ(url->Text(), GetParam().expected);
    return;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(url.status()));
  const std::string message(url.status().message());
  EXPECT_THAT(message, HasSubstr("--kubelet-url"));
  EXPECT_THAT(message, HasSubstr(GetParam().expected));
  EXPECT_THAT(message, HasSubstr("such as https://192.0.2.1:10250"));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, KubeletUrlTest,
    testing::Values(
        Row{"address", "https://10.0.0.7:10250", "https://10.0.0.7:10250/pods"},
        Row{"default_port", "https://node-1", "https://node-1:10250/pods"},
        Row{"trailing_slash", "https://node-1:443/", "https://node-1:443/pods"},
        Row{"the_pods_themselves", "https://node-1/pods", "https://node-1:10250/pods"},
        Row{"ipv6", "https://[fd00::a]:10250", "https://[fd00::a]:10250/pods"},
        Row{"ipv6_default_port", "https://[fd00::a]", "https://[fd00::a]:10250/pods"},
        Row{"ipv6_as_a_node_ip", "https://fd00::a:10250", "https://[fd00::a]:10250/pods"},
        Row{"ipv4_in_brackets", "https://[192.0.2.7]:10250", "https://192.0.2.7:10250/pods"},
        Row{"below_a_path", "https://api:6443/api/v1/nodes/n/proxy",
            "https://api:6443/api/v1/nodes/n/proxy/pods"},
        Row{"loopback_without_tls", "http://127.0.0.1:8001", "http://127.0.0.1:8001/pods"},
        Row{"empty", "", "does not begin with https://", false},
        Row{"no_scheme", "10.0.0.7:10250", "does not begin with https://", false},
        Row{"other_scheme", "ftp://10.0.0.7", "does not begin with https://", false},
        Row{"http_over_the_network", "http://10.0.0.7:10255", "show the token", false},
        Row{"no_host", "https://:10250", "names no host", false},
        Row{"open_bracket", "https://[fd00::a", "names no host", false},
        Row{"port_zero", "https://n:0", "valid port", false},
        Row{"port_too_large", "https://n:65536", "valid port", false},
        Row{"port_not_a_number", "https://n:1o", "valid port", false},
        Row{"port_empty", "https://n:", "valid port", false},
        Row{"ipv6_without_brackets", "https://fd00::a", "valid port", false},
        Row{"ipv6_without_a_port", "https://fd00::1", "stands in brackets", false},
        Row{"two_ports", "https://n:1:2", "stands in brackets", false},
        Row{"user", "https://me:secret@n", "no user", false},
        Row{"query", "https://n/pods?x=1", "no user, query", false},
        Row{"newline", "https://n\r\nX: y", "not ASCII", false},
        Row{"too_long", "https://" + std::string(4000, 'n'), "too long", false}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace oomtrail::attribute
