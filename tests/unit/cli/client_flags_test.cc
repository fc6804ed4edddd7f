#include "agent/cli/client_flags.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <stdlib.h>
#include <algorithm>

#include <CLI/CLI.hpp>

#include "agent/cli/event_query.h"

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;
using Arguments = std::vector<std::string>;

constexpr int64_t kNow = 1'795'239'667'000'000'000;

// As the command line reads them.
absl::StatusOr<EventOptions> Parse(Arguments arguments) {
  RawClientFlags raw;
  CLI::App app;
  AddListFlags(app, raw);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return FinishEvents(raw, kNow);
}

struct RequestRow {
  Arguments arguments;
  const char* request;  // a WatchEventsRequest
};

TEST(ClientFlagsTest, AreTheRequestThatTheySay) {
  const RequestRow rows[] = {
      {{}, "follow: true"},
      {{"-A"}, "follow: true"},
      {{"-n", "shop"}, R"(follow: true allow { namespaces: "shop" })"},
      {{"-n", "shop", "-A"}, "follow: true"},
      {{"-n", "a", "--namespace", "b", "-n", "c,d"},
       R"(follow: true allow { namespaces: ["a", "b", "c", "d"] })"},
      {{"--pod", "cart-*", "--pod", "api"}, R"(follow: true allow { pods: ["cart-*", "api"] })"},
      {{"-c", "api"}, R"(follow: true allow { containers: "api" })"},
      {{"-l", "app=cart,tier=", "-l", "a=b=c"},
       R"(follow: true allow { labels { key: "app" value: "cart" } labels { key: "tier" value: "" }
          labels { key: "a" value: "b=c" } })"},
      {{"--workload", "Deployment/cart"}, R"(follow: true allow { workloads: "Deployment/cart" })"},
      {{"--scope", "node,pod"}, "follow: true allow { scopes: [SCOPE_NODE, SCOPE_POD] }"},
      {{"--kind", "oom_kill", "--kind", "lost"},
       "follow: true allow { kinds: [KIND_OOM_KILL, KIND_LOST] }"},
      {{"--kind", "early_warning"}, "follow: true allow { kinds: KIND_EARLY_WARNING }"},
      {{"-n", "shop", "--pod", "a"}, R"(follow: true allow { namespaces: "shop" pods: "a" })"},
      {{"--exclude", "namespace=dev,pod=debug-*", "--exclude", "label=app=cart"},
       R"(follow: true deny { namespaces: "dev" pods: "debug-*" }
          deny { labels { key: "app" value: "cart" } })"},
      {{"--exclude", "scope=host", "-n", "shop"},
       R"(follow: true allow { namespaces: "shop" } deny { scopes: SCOPE_HOST })"},
      {{"--since", "1h"}, "follow: true since { seconds: 1795236067 }"},
      {{"--last", "20"}, "follow: true number: 20"},
      {{"--since", "2026-11-21T05:41:07.5Z", "--last", "1000"},
       "follow: true number: 1000 since { seconds: 1795239667 nanos: 500000000 }"},
      {{"--cursor", "n/1/2"}, R"(follow: true cursor: "n/1/2")"},
  };
  for (const RequestRow& row : rows) {
    const auto options = Parse(row.arguments);
    ASSERT_TRUE(options.ok()) << options.status();
    v1::WatchEventsRequest wanted;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(row.request, &wanted));
    const auto request = WatchRequest(*options, options->cursor);
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(request, wanted))
        << request.DebugString() << "instead of\n"
        << wanted.DebugString();
  }
}

TEST(ClientFlagsTest, ThatCannotBeMeantAreRefused) {
  struct Row {
    Arguments arguments;
    std::string why;
  };
  std::string many = "a";
  for (int i = 0; i < 64; ++i) many += ",a";
  const Row rows[] = {
      {{"--since", "soon"}, "--since: 'soon' is neither"},
      {{"--cursor", "c", "--since", "1h"}, "--cursor"},
      {{"--cursor", "c", "--last", "1"}, "--cursor"},
      {{"--last", "0"}, "--last"},
      {{"--last", "1001"}, "--last"},
      {{"--pod", "a*b"}, "at the end only"},
      {{"-l", "app"}, "KEY=VALUE"},
      {{"-l", "=cart"}, "KEY=VALUE"},
      {{"-l", "app=a,app=b"}, "two values"},
      {{"--scope", "cgroup"}, "not one of container, pod, ancestor"},
      {{"--kind", "OOM_KILL"}, "not one of oom_kill"},
      {{"--exclude", "shop"}, "namespace=shop"},
      {{"--exclude", "ns=shop"}, "not one of namespace, pod"},
      {{"--exclude", "namespace="}, "empty"},
      {{"--exclude", "namespace=a,"}, "namespace=shop"},
      {{"--exclude", "scope=x"}, "--exclude: scope 'x'"},
      {{"-o", "yaml"}, "yaml"},
      {{"--color", "maybe"}, "maybe"},
      {{"-n", many}, "at most 64"},
  };
  for (const Row& row : rows) {
    const auto options = Parse(row.arguments);
    ASSERT_FALSE(options.ok()) << row.arguments.front();
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(row.why));
  }
}

TEST(ClientFlagsTest, TheFirstPageOfAListHasTheStart) {
  const auto options = Parse({"--since", "1h", "--last", "5", "--kind", "lost", "-f"});
  ASSERT_TRUE(options.ok()) << options.status();
  const auto request = ListRequest(*options);
  EXPECT_EQ(request.since().seconds(), 1'795'236'067);
  EXPECT_EQ(request.number(), 5U);
  EXPECT_GT(request.page_size(), 0U);
  EXPECT_LE(request.page_size(), 1000U);
  EXPECT_EQ(request.allow(0).kinds(0), v1::KIND_LOST);
  EXPECT_TRUE(options->follow);
}

TEST(ClientFlagsTest, EachHasItsVariable) {
  ::setenv("OOMTRAIL_NAMESPACE", "a,b", 1);
  ::setenv("OOMTRAIL_OUTPUT", "json", 1);
  const auto options = Parse({});
  const auto flag_wins = Parse({"-n", "c", "-o", "table"});
  ::unsetenv("OOMTRAIL_NAMESPACE");
  ::unsetenv("OOMTRAIL_OUTPUT");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->selection.allow.at(0).namespaces, (Arguments{"a", "b"}));
  EXPECT_EQ(options->client.output, OutputFormat::kJson);
  ASSERT_TRUE(flag_wins.ok()) << flag_wins.status();
  EXPECT_EQ(flag_wins->selection.allow.at(0).namespaces, Arguments{"c"});
  EXPECT_EQ(flag_wins->client.output, OutputFormat::kTable);
}

TEST(ClientFlagsTest, StatusTakesTheFormatsOfTheOthersAsText) {
  for (const std::string format : {"text", "compact", "wide", "table"}) {
    RawClientFlags raw;
    CLI::App app;
    AddStatusFlags(app, raw);
    app.parse({format, "-o"});
    EXPECT_NE(FinishClient(raw).output, OutputFormat::kJson);
  }
}

}  // namespace
}  // namespace oomtrail::cli
