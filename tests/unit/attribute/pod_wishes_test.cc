#include "agent/attribute/pod_wishes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr forecast::WarnRule kByFlag{.on = true, .seconds = 60, .percent = 95};

PodRule Read(const Wishes& wishes) { return ReadWishes(wishes, kByFlag); }

TEST(PodWishesTest, WithoutAnyTheFlagsHold) {
  const PodRule rule = Read({});
  EXPECT_TRUE(rule.warn.on);
  EXPECT_EQ(rule.warn.seconds, 60);
  EXPECT_EQ(rule.warn.percent, 95);
  EXPECT_FALSE(rule.track);
  EXPECT_THAT(rule.wrong, IsEmpty());
}

TEST(PodWishesTest, EachTakesThePlaceOfItsFlagAlone) {
  const PodRule rule = Read({{"warn-seconds", "300"}, {"track", "on"}});
  EXPECT_EQ(rule.warn.seconds, 300);
  EXPECT_EQ(rule.warn.percent, 95);
  EXPECT_TRUE(rule.warn.on);
  EXPECT_TRUE(rule.track);
  EXPECT_FALSE(Read({{"warn", "off"}}).warn.on);
  EXPECT_EQ(Read({{"warn-percent", "100"}}).warn.percent, 100);
  EXPECT_EQ(Read({{"warn-seconds", "0"}}).warn.seconds, 0);
}

struct Wrong {
  std::string name;
  std::string value;
  std::string says;
};

void PrintTo(const Wrong& row, std::ostream* out) { *out << row.name << '=' << row.value; }

class WrongWishTest : public testing::TestWithParam<Wrong> {};

TEST_P(WrongWishTest, IsAsIfItWereNotThereAndIsSaid) {
  const PodRule rule = Read({{GetParam().name, GetParam().value}});
  EXPECT_TRUE(rule.warn.on);
  EXPECT_EQ(rule.warn.seconds, 60);
  EXPECT_EQ(rule.warn.percent, 95);
  EXPECT_FALSE(rule.track);
  ASSERT_THAT(rule.wrong, SizeIs(1));
  EXPECT_THAT(rule.wrong[0], HasSubstr("oomtrail.io/" + GetParam().name));
  EXPECT_THAT(rule.wrong[0], HasSubstr(GetParam().says));
}

const Wrong kWrong[] = {
    {"warn", "", R"("" is not on or off)"},
    {"warn", "Off", "Off is not on or off"},
    {"warn", "false", "on or off"},
    {"track", "kernel", "on or off"},
    {"warn-seconds", "", "from 0 to 86400"},
    {"warn-seconds", "-1", "from 0 to 86400"},
    {"warn-seconds", "86401", "from 0 to 86400"},
    {"warn-seconds", "1e3", "1e3 is not a whole number"},
    {"warn-seconds", " 60", "a whole number"},
    {"warn-seconds", "60s", "a whole number"},
    {"warn-seconds", "+60", "a whole number"},
    {"warn-seconds", "nan", "a whole number"},
    {"warn-seconds", "99999999999999999999", "a whole number"},
    {"warn-percent", "0", "from 1 to 100"},
    {"warn-percent", "101", "from 1 to 100"},
    {"warn-percent", "95%", "from 1 to 100"},
    {"warn-second", "60", "one of warn, warn-seconds"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WrongWishTest, testing::ValuesIn(kWrong),
                         [](const auto& row) { return base::StrCat("Row", row.index); });

TEST(PodWishesTest, OneThatIsWrongTakesNothingFromTheOthers) {
  const PodRule rule = Read({{"warn-percent", "x"}, {"warn-seconds", "5"}});
  EXPECT_EQ(rule.warn.seconds, 5);
  EXPECT_EQ(rule.warn.percent, 95);
  EXPECT_THAT(rule.wrong, SizeIs(1));
}

TEST(PodWishesTest, OnlyTheAgentsAnnotationsAreTaken) {
  Wishes wishes;
  TakeWish("oomtrail.io/warn", "off", wishes);
  TakeWish("oomtrail.io", "off", wishes);
  TakeWish("shop.example.com/warn", "off", wishes);
  TakeWish("oomtrail.iox/warn", "off", wishes);
  EXPECT_THAT(wishes, ElementsAre(Pair("warn", "off")));
}

TEST(PodWishesTest, TheyAreBoundedInNumber) {
  Wishes wishes;
  for (int i = 0; i < 1000; ++i) TakeWish(base::StrCat("oomtrail.io/w", i), "x", wishes);
  EXPECT_THAT(wishes, SizeIs(kMaxWishes));
}

TEST(PodWishesTest, WhatIsTooLongIsCutAndStaysWrong) {
  Wishes wishes;
  // Cut, this would be a zero: "never warn".
  TakeWish("oomtrail.io/warn-seconds", std::string(100'000, '0') + "5", wishes);
  TakeWish("oomtrail.io/" + std::string(100'000, 'k'), "on", wishes);
  const PodRule rule = Read(wishes);
  EXPECT_EQ(rule.warn.seconds, 60);
  ASSERT_THAT(rule.wrong, SizeIs(2));
  for (const std::string& wrong : rule.wrong) EXPECT_LT(wrong.size(), 250u);
}

}  // namespace
}  // namespace oomtrail::attribute
