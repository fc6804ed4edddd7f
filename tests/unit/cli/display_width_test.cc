#include "agent/cli/display_width.h"

#include <gtest/gtest.h>

namespace oomtrail::cli {
namespace {

TEST(DisplayWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("java"), 4);
  EXPECT_EQ(DisplayWidth("über"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);  // a combining accent
  EXPECT_EQ(DisplayWidth("記憶"), 4);
  EXPECT_EQ(DisplayWidth("한"), 2);
  EXPECT_EQ(DisplayWidth("🔥"), 2);
  EXPECT_EQ(DisplayWidth("…"), 1);
}

TEST(DisplayWidthTest, BrokenTextIsNotReadBeyondItsEnd) {
  EXPECT_EQ(DisplayWidth("a\xf0\x9f"), 3);
  EXPECT_EQ(DisplayWidth("\xff\x80"), 2);
}

TEST(FitTest, PadsToTheLeftOrTheRight) {
  EXPECT_EQ(Fit("ab", 4), "ab  ");
  EXPECT_EQ(Fit("ab", 4, Align::kRight), "  ab");
  EXPECT_EQ(Fit("記", 4), "記  ");
  EXPECT_EQ(Fit("abcd", 4), "abcd");
}

TEST(FitTest, CutsWithAnEllipsis) {
  EXPECT_EQ(Fit("abcde", 4), "abc…");
  EXPECT_EQ(Fit("abcde", 4, Align::kRight), "abc…");
  EXPECT_EQ(Fit("abcde", 1), "…");
}

TEST(FitTest, HalfOfAWideCharacterIsNoCharacter) {
  EXPECT_EQ(Fit("記憶力", 4), "記… ");
  EXPECT_EQ(Fit("記憶力", 5), "記憶…");
  for (int columns = 1; columns < 12; ++columns) {
    EXPECT_EQ(DisplayWidth(Fit("a記e\u0301憶🔥xyz", columns)), columns);
  }
}

}  // namespace
}  // namespace oomtrail::cli
