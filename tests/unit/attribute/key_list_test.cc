#include "agent/attribute/key_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/attribute/name_source.h"

namespace oomtrail::attribute {
namespace {

using testing::AllOf;
using testing::HasSubstr;

KeyList List(const std::vector<std::string>& words) {
  const auto list = KeyList::Parse("pod-labels", words);
  EXPECT_TRUE(list.ok()) << list.status().message();
  return list.value_or(KeyList());
}

TEST(KeyList, AllowsKeysAndPrefixesAndNothingElse) {
  const KeyList list = List({"app", "app.kubernetes.io/*"});
  EXPECT_TRUE(list.Allows("app"));
  EXPECT_TRUE(list.Allows("app.kubernetes.io/name"));
  EXPECT_FALSE(list.Allows("apps"));
  EXPECT_FALSE(list.Allows("application"));
  EXPECT_FALSE(list.Allows("app.kubernetes.io"));
  EXPECT_FALSE(list.Allows(""));
}

TEST(KeyList, AStarAloneAllowsAll) {
  EXPECT_TRUE(List({"*"}).Allows("anything/at-all"));
  EXPECT_TRUE(KeyList::Everything().Allows("anything/at-all"));
}

TEST(KeyList, NoneAllowsNothing) {
  EXPECT_FALSE(List({"none"}).Allows("none"));
  EXPECT_FALSE(List({}).Allows("app"));
  EXPECT_FALSE(KeyList().Allows(""));
}

struct Damage {
  const char* name;
  std::vector<std::string> words;
  const char* said;
};
class DamagedKeyListTest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedKeyListTest, IsRefusedWithTheRemedy) {
  const auto list = KeyList::Parse("pod-labels", GetParam().words);
  ASSERT_TRUE(absl::IsInvalidArgument(list.status()));
  EXPECT_THAT(std::string(list.status().message()),
              AllOf(HasSubstr("--pod-labels "), HasSubstr(GetParam().said),
                    HasSubstr("give keys and prefixes, such as")));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, DamagedKeyListTest,
    testing::Values(Damage{"empty", {"app", ""}, "\"\": is empty"},
                    Damage{"none_and_more", {"app", "none"}, "stands alone"},
                    Damage{"star_within", {"app*name"}, "a * before its end"},
                    Damage{"two_stars", {"app**"}, "a * before its end"},
                    Damage{"blank", {"app name"}, "no key has"},
                    Damage{"equals", {"app=cart"}, "no key has"},
                    Damage{"control", {"app\n"}, "no key has"},
                    Damage{"too_long", {std::string(kMaxLabelKeyBytes + 1, 'k')}, "longer than"},
                    Damage{"too_many", std::vector<std::string>(65, "k"), "at most 64"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace oomtrail::attribute
