#include "agent/base/time_format.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>

namespace oomtrail::base {
namespace {

struct Row {
  std::string_view name;
  int64_t wall_ns;
  int digits;
  std::string_view expected;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.wall_ns << " ns"; }

class FormatUtcTest : public ::testing::TestWithParam<Row> {};

TEST_P(FormatUtcTest, Formats) {
  EXPECT_EQ(FormatUtc(GetParam().wall_ns, GetParam().digits), GetParam().expected);
}

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kKill = 1'795'239'667 * kSecond;

constexpr Row kRows[] = {
    {"Nanoseconds", kKill + 123'456'789, 9, "2026-11-21T05:41:07.123456789Z"},
    {"Milliseconds", kKill + 123'456'789, 3, "2026-11-21T05:41:07.123Z"},
    {"Microseconds", kKill + 123'456'789, 6, "2026-11-21T05:41:07.123456Z"},
    {"LeadingZeros", kKill + 1, 9, "2026-11-21T05:41:07.000000001Z"},
    {"LeadingZerosCut", kKill + 1'999'999, 3, "2026-11-21T05:41:07.001Z"},
    {"NeverRoundedUp", kKill + 999'999'999, 3, "2026-11-21T05:41:07.999Z"},
    {"WholeSecond", kKill, 9, "2026-11-21T05:41:07.000000000Z"},
    {"Epoch", 0, 3, "1970-01-01T00:00:00.000Z"},
    {"BeforeEpoch", -1, 9, "1969-12-31T23:59:59.999999999Z"},
    {"WholeSecondBeforeEpoch", -kSecond, 9, "1969-12-31T23:59:59.000000000Z"},
    {"LeapDay", 1'709'164'800 * kSecond, 3, "2024-02-29T00:00:00.000Z"},
    {"NoLeapDayIn2100", 4'107'542'400 * kSecond, 3, "2100-03-01T00:00:00.000Z"},
    {"LastOfYear", 1'798'761'599 * kSecond, 3, "2026-12-31T23:59:59.000Z"},
    {"FirstOfYear", 1'798'761'600 * kSecond, 3, "2027-01-01T00:00:00.000Z"},
    {"Past32Bits", 2'147'483'648 * kSecond, 3, "2038-01-19T03:14:08.000Z"},
    {"Latest", std::numeric_limits<int64_t>::max(), 9, "2262-04-11T23:47:16.854775807Z"},
    {"Earliest", std::numeric_limits<int64_t>::min(), 9, "1677-09-21T00:12:43.145224192Z"},
};
INSTANTIATE_TEST_SUITE_P(Rows, FormatUtcTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(FormatUtcZoneTest, TheMachinesZoneIsOfNoMatter) {
  ::setenv("TZ", "Asia/Kathmandu", 1);
  ::tzset();
  EXPECT_EQ(FormatUtc(0, 3), "1970-01-01T00:00:00.000Z");
  ::unsetenv("TZ");
  ::tzset();
}

}  // namespace
}  // namespace oomtrail::base
