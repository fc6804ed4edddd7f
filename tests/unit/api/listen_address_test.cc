#include "agent/api/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oomtrail::api {
namespace {

using testing::HasSubstr;

struct Good {
  const char* name;
  std::string text;
  std::string bound_as;
};

const Good kGood[] = {
    {"ThreeSlashes", "unix:///run/oomtrail/oomtrail.sock", "unix:///run/oomtrail/oomtrail.sock"},
    {"OneSlash", "unix:/run/a.sock", "unix:///run/a.sock"},
    {"DirectlyBelowTheRoot", "unix:///a.sock", "unix:///a.sock"},
    {"LongestPath", "unix:///" + std::string(106, 'a'), "unix:///" + std::string(106, 'a')},
    {"ColonInAPath", "unix:///run/a:1", "unix:///run/a:1"},
    {"V4", "10.0.0.7:50051", "10.0.0.7:50051"},
    {"V6", "[::1]:50051", "[::1]:50051"},
    {"Localhost", "localhost:1", "127.0.0.1:1"},
    {"EveryAddress", ":50051", "[::]:50051"},
    {"AnyPort", "127.0.0.1:0", "127.0.0.1:0"},
    {"HighestPort", "127.0.0.1:65535", "127.0.0.1:65535"},
};

class GoodAddress : public testing::TestWithParam<Good> {};

TEST_P(GoodAddress, IsUnderstood) {
  const auto address = ParseListenAddress(GetParam().text);
  ASSERT_TRUE(address.ok()) << address.status().message();
  EXPECT_EQ(address->ToString(), GetParam().bound_as);
  EXPECT_EQ(address->is_unix(), GetParam().text.starts_with("unix:"));
}

INSTANTIATE_TEST_SUITE_P(, GoodAddress, testing::ValuesIn(kGood),
                         [](const auto& row) { return row.param.name; });

struct Bad {
  const char* name;
  std::string text;
  const char* cause;
};

const Bad kBad[] = {
    {"Empty", "", "empty"},
    {"RelativePath", "unix://run/a.sock", "not absolute"},
    {"NoPath", "unix:", "not absolute"},
    {"OnlySlashes", "unix:///", "names a directory"},
    {"Directory", "unix:///run/", "names a directory"},
    {"PathTooLong", "unix:///" + std::string(107, 'a'), "choose a shorter one"},
    {"NulInAPath", std::string("unix:///run/a\0b", 15), "NUL"},
    {"PathWithoutScheme", "/run/a.sock", "give unix:///run/a.sock"},
    {"AbstractSocket", "unix-abstract:x", "no number"},
    {"OtherScheme", "http://127.0.0.1:1", "not a scheme"},
    {"NoPort", "10.0.0.7", "no port"},
    {"EmptyPort", "10.0.0.7:", "no number"},
    {"PortTooHigh", "10.0.0.7:65536", "no number"},
    {"NegativePort", "10.0.0.7:-1", "no number"},
    {"NamedPort", "10.0.0.7:grpc", "no number"},
    {"SpaceAfterThePort", "10.0.0.7:1 ", "no number"},
    {"V6WithoutBrackets", "::1:50051", "needs brackets"},
    {"OpenBracket", "[::1:50051", "needs brackets"},
    {"NameInBrackets", "[node]:1", "not an IPv6 address"},
    {"V4InBrackets", "[10.0.0.7]:1", "not an IPv6 address"},
    {"HostName", "node-1.example:50051", "names are not looked up"},
    {"ShortV4", "10.7:50051", "names are not looked up"},
};

class BadAddress : public testing::TestWithParam<Bad> {};

TEST_P(BadAddress, IsRefusedWithItsRemedy) {
  const auto address = ParseListenAddress(GetParam().text);
  ASSERT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(address.status().message());
  EXPECT_THAT(message, HasSubstr(GetParam().cause));
  EXPECT_THAT(message, testing::StartsWith("--listen "));
  EXPECT_THAT(message, testing::AnyOf(HasSubstr("; give "), HasSubstr("; choose ")));
}

INSTANTIATE_TEST_SUITE_P(, BadAddress, testing::ValuesIn(kBad),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace oomtrail::api
