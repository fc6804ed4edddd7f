#include "agent/journal/cursor.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

namespace oomtrail::journal {
namespace {

TEST(CursorTest, ReadsBackWhatItWrote) {
  for (const Position position :
       {Position{1, 0}, Position{0xfedcba9876543210, 42}, Position{~uint64_t{0}, ~uint64_t{0}}}) {
    for (const std::string_view node : {"worker-3", "a/b", "", "n\x1b[31m"}) {
      const auto parsed = ParseCursor(FormatCursor(node, position), node);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_EQ(*parsed, position);
    }
  }
}

TEST(CursorTest, IsReadable) { EXPECT_EQ(FormatCursor("worker-3", {0xab, 7}), "worker-3/ab/7"); }

struct Row {
  std::string_view name;
  std::string_view text;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class BadCursorTest : public ::testing::TestWithParam<Row> {};

TEST_P(BadCursorTest, IsRefused) {
  EXPECT_EQ(ParseCursor(GetParam().text, "node").status().code(),
            absl::StatusCode::kInvalidArgument);
}

const std::string kLong = std::string(600, 'n') + "/ab/7";
const Row kRows[] = {
    {"Empty", ""},
    {"NoSlash", "7"},
    {"OneSlash", "ab/7"},
    {"OnlySlashes", "//"},
    {"AnotherNode", "other/ab/7"},
    {"NoEpoch", "node//7"},
    {"NoSequence", "node/ab/"},
    {"EpochNotHex", "node/xy/7"},
    {"EpochInUpperCase", "node/AB/7"},
    {"EpochTooLarge", "node/10000000000000000/7"},
    {"SequenceNegative", "node/ab/-7"},
    {"SequenceTooLarge", "node/ab/18446744073709551616"},
    {"SequenceWithZeros", "node/ab/007"},
    {"Blank", "node/ab/7 "},
    {"Nul", std::string_view("node/ab/7\0", 10)},
    {"TooLong", kLong},
};
INSTANTIATE_TEST_SUITE_P(Rows, BadCursorTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(CursorTest, AnotherNodesIsNamed) {
  const auto parsed = ParseCursor("worker-4/ab/7", "worker-3");
  EXPECT_EQ(parsed.status().message(), "a cursor of node worker-4; this is worker-3");
}

}  // namespace
}  // namespace oomtrail::journal
