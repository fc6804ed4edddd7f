// Where the server listens, and what is said when it cannot.
#include "agent/api/http_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

using testing::HasSubstr;

constexpr std::chrono::milliseconds kPatience(5000);

struct Row {
  const char* name;
  std::string address;
  std::string why;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const Row kRows[] = {
    {"nothing", "", "names no port"},
    {"an_address_alone", "127.0.0.1", "names no port"},
    {"a_bracketed_address_alone", "[::1]", "names no port"},
    {"an_empty_port", "127.0.0.1:", "has no valid port"},
    {"a_port_too_large", ":65536", "has no valid port"},
    {"a_negative_port", ":-1", "has no valid port"},
    {"a_port_by_name", ":http", "has no valid port"},
    {"a_blank_before_the_port", ": 80", "has no valid port"},
    {"a_name", "localhost:9464", "is no IP address (names are not looked up)"},
    {"an_address_of_three_numbers", "127.0.1:9464", "is no IP address (names are not looked up)"},
    {"a_url", "http://127.0.0.1:9464", "is an IPv6 address without its brackets"},
    {"ipv6_without_brackets", "::1:9464", "is an IPv6 address without its brackets"},
    {"ipv4_in_brackets", "[127.0.0.1]:9464", "is no IPv6 address"},
    {"half_a_bracket", "[::1:9464", "is an IPv6 address without its brackets"},
    {"a_blank", " 127.0.0.1:9464", "is no IP address (names are not looked up)"},
};

class HttpListenerTable : public testing::TestWithParam<Row> {};

TEST_P(HttpListenerTable, IsRefusedWithWhatWhereAndTheRemedy) {
  const auto listener = OpenHttpListener(GetParam().address, kPatience);
  EXPECT_EQ(listener.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(listener.status().message(),
            base::StrCat("--http-listen ", GetParam().address, ": ", GetParam().why,
                         "; give ADDRESS:PORT, such as 127.0.0.1:9464, or :9464 for every "
                         "address"));
}

INSTANTIATE_TEST_SUITE_P(Addresses, HttpListenerTable, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(HttpListener, ANulIsNoWayToHideWhatFollows) {
  const std::string address("127.0.0.1\0.evil:0", 17);
  EXPECT_EQ(OpenHttpListener(address, kPatience).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HttpListener, SaysWhereItListensWithTheRealPort) {
  const auto listener = OpenHttpListener("127.0.0.1:0", kPatience);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_GT(listener->port, 0);
  EXPECT_EQ(listener->address, base::StrCat("127.0.0.1:", listener->port));
}

TEST(HttpListener, APortInUseIsNamedWithARemedy) {
  const auto first = OpenHttpListener("127.0.0.1:0", kPatience);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = OpenHttpListener(first->address, kPatience);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().message(),
            base::StrCat("--http-listen ", first->address,
                         ": bind: EADDRINUSE (Address already in use); another process has this "
                         "port: give another one"));
}

TEST(HttpListener, AnAddressOfAnotherMachineIsNamedWithARemedy) {
  const auto listener = OpenHttpListener("203.0.113.1:0", kPatience);
  ASSERT_FALSE(listener.ok());
  EXPECT_THAT(std::string(listener.status().message()),
              HasSubstr("EADDRNOTAVAIL (Cannot assign requested address); this machine has no such "
                        "address: give one of its own"));
}

}  // namespace
}  // namespace oomtrail::api
