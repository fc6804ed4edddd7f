#include "agent/cli/time_argument.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <ostream>

namespace oomtrail::cli {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'795'239'667 * kSecond;  // 2026-11-21T05:41:07Z

struct SinceRow {
  std::string_view text;
  std::optional<int64_t> wall_ns;  // absent: refused
};

void PrintTo(const SinceRow& row, std::ostream* out) { *out << '"' << row.text << '"'; }

class ParseSinceTest : public ::testing::TestWithParam<SinceRow> {};

TEST_P(ParseSinceTest, Reads) {
  const auto since = ParseSince(GetParam().text, kNow);
  if (GetParam().wall_ns) {
    ASSERT_TRUE(since.ok()) << since.status();
    EXPECT_EQ(*since, *GetParam().wall_ns);
  } else {
    ASSERT_FALSE(since.ok()) << *since;
    EXPECT_EQ(since.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(since.status().message()), ::testing::HasSubstr("1h30m"));
  }
}

constexpr SinceRow kRows[] = {
    {"0s", kNow},
    {"90s", kNow - 90 * kSecond},
    {"30m", kNow - 1800 * kSecond},
    {"1h", kNow - 3600 * kSecond},
    {"1h30m", kNow - 5400 * kSecond},
    {"2d", kNow - 172'800 * kSecond},
    {"1w", kNow - 604'800 * kSecond},
    {"1d2h3m4s", kNow - 93'784 * kSecond},
    {"100w", kNow - 60'480'000 * kSecond},
    {"9000000000s", 0},  // before the epoch: everything
    {"2026-11-21T05:41:07Z", kNow},
    {"2026-11-21t05:41:07z", kNow},
    {"2026-11-21 05:41:07Z", kNow},
    {"2026-11-21T05:41:07.123456789Z", kNow + 123'456'789},
    {"2026-11-21T05:41:07.1234567899Z", kNow + 123'456'789},
    {"2026-11-21T05:41:07.5Z", kNow + 500'000'000},
    {"2026-11-21T06:41:07+01:00", kNow},
    {"2026-11-21T00:11:07-05:30", kNow},
    {"2024-02-29T00:00:00Z", 1'709'164'800 * kSecond},
    {"1970-01-01T00:00:00Z", 0},
    {"", std::nullopt},
    {"1", std::nullopt},
    {"h", std::nullopt},
    {"-1h", std::nullopt},
    {"+1h", std::nullopt},
    {"1.5h", std::nullopt},
    {"1h ", std::nullopt},
    {" 1h", std::nullopt},
    {"1y", std::nullopt},
    {"1H", std::nullopt},
    {"1ms", std::nullopt},
    {"99999999999999999999s", std::nullopt},
    {"9223372036854775807w", std::nullopt},
    {"9223372036s9223372036s", std::nullopt},
    {"yesterday", std::nullopt},
    {"2026-11-21", std::nullopt},
    {"2026-11-21T05:41Z", std::nullopt},
    {"2026-11-21T05:41:07", std::nullopt},  // of which zone?
    {"2026-11-21T05:41:07.Z", std::nullopt},
    {"2026-11-21T05:41:07ZZ", std::nullopt},
    {"2026-11-21T05:41:07+0100", std::nullopt},
    {"2026-11-21T05:41:07+24:00", std::nullopt},
    {"2026-13-21T05:41:07Z", std::nullopt},
    {"2026-02-30T05:41:07Z", std::nullopt},
    {"2025-02-29T00:00:00Z", std::nullopt},
    {"2026-11-21T24:00:00Z", std::nullopt},
    {"1969-12-31T23:59:59Z", std::nullopt},
    {"2262-11-21T05:41:07Z", std::nullopt},
    {"26-11-21T05:41:07Z", std::nullopt},
};
INSTANTIATE_TEST_SUITE_P(Rows, ParseSinceTest, ::testing::ValuesIn(kRows));

}  // namespace
}  // namespace oomtrail::cli
