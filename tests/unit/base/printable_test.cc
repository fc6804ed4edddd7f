#include "agent/base/printable.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace oomtrail::base {
namespace {

struct Row {
  std::string_view name;
  std::string_view bytes;
  std::string_view expected;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class PrintableTest : public ::testing::TestWithParam<Row> {};

TEST_P(PrintableTest, Escapes) { EXPECT_EQ(Printable(GetParam().bytes), GetParam().expected); }

constexpr Row kRows[] = {
    {"Empty", "", ""},
    {"Text", "java -Xmx512m \"a\"", "java -Xmx512m \"a\""},
    {"Nul", std::string_view("a\0b", 3), R"(a\x00b)"},
    {"Newline", "a\nOOM-KILL b", R"(a\x0aOOM-KILL b)"},
    {"CarriageReturn", "a\rb", R"(a\x0db)"},
    {"Tab", "a\tb", R"(a\x09b)"},
    {"AnsiColour", "\x1b[31mred\x1b[0m", R"(\x1b[31mred\x1b[0m)"},
    {"Delete", "a\x7f", R"(a\x7f)"},
    {"ControlSequenceIntroducer", "\u009b31m", R"(\xc2\x9b31m)"},
    {"NextLine", "a\u0085b", R"(a\xc2\x85b)"},
    {"ZeroWidthSpace", "a\u200bb", R"(a\xe2\x80\x8bb)"},
    {"RightToLeftMark", "a\u200fb", R"(a\xe2\x80\x8fb)"},
    {"ArabicLetterMark", "a\u061cb", R"(a\xd8\x9cb)"},
    {"LineSeparator", "a\u2028b", R"(a\xe2\x80\xa8b)"},
    {"ParagraphSeparator", "a\u2029b", R"(a\xe2\x80\xa9b)"},
    {"RightToLeftOverride", "a\u202eb", R"(a\xe2\x80\xaeb)"},
    {"WordJoiner", "a\u2060b", R"(a\xe2\x81\xa0b)"},
    {"Isolate", "a\u2066b\u2069", R"(a\xe2\x81\xa6b\xe2\x81\xa9)"},
    {"ByteOrderMark", "\ufeffa", R"(\xef\xbb\xbfa)"},
    {"TwoBytes", "gr\u00fc\u00df", "gr\u00fc\u00df"},
    {"ThreeBytes", "\u65e5\u672c", "\u65e5\u672c"},
    {"FourBytes", "\U0001f433", "\U0001f433"},
    {"LoneContinuation", "a\x80z", R"(a\x80z)"},
    {"TruncatedTwo", "\xc3", R"(\xc3)"},
    {"TruncatedThree", "\xe2\x82", R"(\xe2\x82)"},
    {"TruncatedFour", "\xf0\x9f\x90", R"(\xf0\x9f\x90)"},
    {"TailBehindTheEnd", std::string_view("\u00fc", 1), R"(\xc3)"},
    {"BrokenOffByText", "\xe2\x82z", R"(\xe2\x82z)"},
    {"BrokenOffByUtf8", "\xe2\u00fc", "\\xe2\u00fc"},
    {"OverlongTwo", "\xc0\xaf", R"(\xc0\xaf)"},
    {"OverlongThree", "\xe0\x9f\xbf", R"(\xe0\x9f\xbf)"},
    {"OverlongFour", "\xf0\x8f\xbf\xbf", R"(\xf0\x8f\xbf\xbf)"},
    {"Surrogate", "\xed\xa0\x80", R"(\xed\xa0\x80)"},
    {"PastLastCodePoint", "\xf4\x90\x80\x80", R"(\xf4\x90\x80\x80)"},
    {"NeverInUtf8", "\xf5\xfe\xff", R"(\xf5\xfe\xff)"},
    {"Backslash", R"(a\b\)", R"(a\b\)"},
    {"SystemdEscape", R"(dev-disk\x2dby)", R"(dev-disk\x2dby)"},
    {"LooksLikeOurs", R"(\x1b[31m)", R"(\x5cx1b[31m)"},
    {"LooksLikeOursInCapitals", R"(\xFF)", R"(\x5cxFF)"},
    {"LooksLikeOurBackslash", R"(\x5c)", R"(\x5cx5c)"},
    {"HalfAnEscape", R"(\x1)", R"(\x1)"},
    {"HalfAnEscapeAndAControl", "\\x1\x01", R"(\x1\x01)"},
    {"NotHex", R"(\x1g)", R"(\x1g)"},
};
INSTANTIATE_TEST_SUITE_P(Rows, PrintableTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

std::string EscapeAll(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
    out += escape;
  }
  return out;
}

std::string Utf8(uint32_t c) {
  const auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(c)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(c >> 6), tail(c)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(c >> 12), tail(c >> 6), tail(c)};
}

// What the header promises can be had back: the bytes that were made printable.
std::string Restore(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    unsigned value = 0;
    const bool escape = text.size() >= 4 && text.substr(0, 2) == "\\x" &&
                        text.substr(2, 2).find_first_not_of("0123456789abcdef") == text.npos &&
                        std::sscanf(std::string(text.substr(2, 2)).c_str(), "%x", &value) == 1 &&
                        (value < 0x20 || value >= 0x7F || value == '\\');
    bytes += escape ? static_cast<char>(value) : text[0];
    text.remove_prefix(escape ? 4 : 1);
  }
  return bytes;
}

TEST(PrintableBytesTest, EveryByteAlone) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    const bool plain = byte >= 0x20 && byte < 0x7F;
    EXPECT_EQ(Printable(text), plain ? text : EscapeAll(text)) << "byte " << byte;
  }
}

TEST(PrintableBytesTest, EveryCodePointIsWholeOrEscapedWhole) {
  constexpr std::pair<uint32_t, uint32_t> kActing[] = {
      {0x00, 0x1F},     {0x7F, 0x9F},     {0x61C, 0x61C},   {0x200B, 0x200F},
      {0x2028, 0x202E}, {0x2060, 0x2069}, {0xFEFF, 0xFEFF},
  };
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    bool escaped = c >= 0xD800 && c <= 0xDFFF;
    for (const auto& [first, last] : kActing) escaped = escaped || (c >= first && c <= last);
    const std::string text = Utf8(c);
    ASSERT_EQ(Printable(text), escaped ? EscapeAll(text) : text) << "U+" << std::hex << c;
  }
}

TEST(PrintableBytesTest, EveryPairOfBytesCanBeRestored) {
  for (int pair = 0; pair < 65536; ++pair) {
    const std::string bytes = {static_cast<char>(pair >> 8), static_cast<char>(pair & 255)};
    ASSERT_EQ(Restore(Printable(bytes)), bytes) << pair;
  }
}

TEST(PrintableBytesTest, RandomBytesCanBeRestoredAndStayQuiet) {
  // Mostly what an escape is made of, so that real and pretended ones run into each other.
  constexpr std::string_view kLikely[] = {"\\",   "x",    "\\x",    "5c",     "1b",
                                          "\x1b", "\xe2", "\u202e", "\u00fc", "F"};
  std::mt19937 random(20261121);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes;
    for (size_t left = random() % 12; left > 0; --left) {
      if (random() % 4 == 0) {
        bytes += static_cast<char>(random() % 256);
      } else {
        bytes += kLikely[random() % std::size(kLikely)];
      }
    }
    const std::string text = Printable(bytes);
    ASSERT_EQ(Restore(text), bytes) << text;
    ASSERT_EQ(FromPrintable(text), bytes) << text;
    for (const char c : text) ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7F);
    // Valid UTF-8 that acts on nothing: were there more to escape, more would now be escaped.
    ASSERT_EQ(Restore(Printable(text)), text);
    ASSERT_EQ(Printable(text).find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace oomtrail::base
