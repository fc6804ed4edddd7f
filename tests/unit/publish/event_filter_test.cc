#include "agent/publish/event_filter.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string_view>

#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {
namespace {

struct Row {
  std::string_view name;
  EventFilter filter;
  bool matches_full;     // shop/cart-7d9f api, Deployment/cart, scope container
  bool matches_partial;  // the same before its names are known
  bool matches_host;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class EventFilterTest : public ::testing::TestWithParam<Row> {};

TEST_P(EventFilterTest, MatchesWhatItSays) {
  const Row& row = GetParam();
  EXPECT_EQ(row.filter.Matches(FullKill()), row.matches_full);
  EXPECT_EQ(row.filter.Matches(PartialKill()), row.matches_partial);
  EXPECT_EQ(row.filter.Matches(HostKill()), row.matches_host);
}

const Row kRows[] = {
    {"Nothing", {}, true, true, true},
    {"Namespace", {.namespaces = {"shop"}}, true, false, false},
    {"AnotherNamespace", {.namespaces = {"sho"}}, false, false, false},
    {"AnyOfTwoNamespaces", {.namespaces = {"bank", "shop"}}, true, false, false},
    {"Pod", {.pods = {"cart-7d9f"}}, true, false, false},
    {"PodsPrefixAlone", {.pods = {"cart"}}, false, false, false},
    {"PodPattern", {.pods = {"cart-*"}}, true, false, false},
    {"AnyPod", {.pods = {"*"}}, true, false, false},
    {"Container", {.containers = {"api"}}, true, false, false},
    {"AnotherContainer", {.containers = {"db"}}, false, false, false},
    {"Label", {.labels = {{"app", "cart"}}}, true, false, false},
    {"LabelOfAnotherValue", {.labels = {{"app", "card"}}}, false, false, false},
    {"TwoLabelsOneWrong", {.labels = {{"app", "cart"}, {"tier", "x"}}}, false, false, false},
    {"EmptyLabelThatIsThere", {.labels = {{"canary", ""}}}, true, false, false},
    {"EmptyLabelThatIsNot", {.labels = {{"stable", ""}}}, false, false, false},
    {"Workload", {.workloads = {"Deployment/cart"}}, true, false, false},
    {"WorkloadByName", {.workloads = {"cart"}}, true, false, false},
    {"WorkloadOfAnotherKind", {.workloads = {"StatefulSet/cart"}}, false, false, false},
    {"Scope", {.scopes = {model::Scope::kContainer}}, true, true, false},
    {"HostScope", {.scopes = {model::Scope::kHost}}, false, false, true},
    {"Kind", {.kinds = {model::Kind::kOomKill}}, true, true, true},
    {"AnotherKind", {.kinds = {model::Kind::kOomWithoutKill}}, false, false, false},
    {"AllPartsMustMatch", {.namespaces = {"shop"}, .containers = {"db"}}, false, false, false},
};
INSTANTIATE_TEST_SUITE_P(Rows, EventFilterTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(EventFilterTest, AWarningIsAKindOfItsOwn) {
  const EventFilter warnings{.kinds = {model::Kind::kEarlyWarning}};
  EXPECT_TRUE(warnings.Matches(EarlyWarning()));
  EXPECT_TRUE(warnings.Matches(EarlyWarning(model::WarningOutcome::kReceded)));
  EXPECT_FALSE(warnings.Matches(FullKill()));
}

TEST(EventSelectionTest, OneOfTheAllowedIsEnough) {
  const EventSelection selection{.allow = {{.namespaces = {"bank"}}, {.containers = {"api"}}}};
  EXPECT_TRUE(selection.Admits(FullKill()));
  EXPECT_FALSE(selection.Admits(HostKill()));
}

TEST(EventSelectionTest, ADenialWins) {
  const EventSelection selection{.allow = {{.namespaces = {"shop"}}},
                                 .deny = {{.pods = {"cart-*"}}}};
  EXPECT_FALSE(selection.Admits(FullKill()));
}

TEST(EventSelectionTest, WhatHasNoNamesYetIsNotDeniedByName) {
  const EventSelection selection{.deny = {{.namespaces = {"shop"}}}};
  EXPECT_TRUE(selection.Admits(PartialKill()));
  EXPECT_FALSE(selection.Admits(FullKill()));
}

TEST(EventSelectionTest, NothingKeepsALossBack) {
  const EventSelection selection{.allow = {{.namespaces = {"shop"}}}, .deny = {{}}};
  EXPECT_TRUE(selection.Admits(Lost()));
}

}  // namespace
}  // namespace oomtrail::publish
