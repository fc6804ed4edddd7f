// What files say, and what comes of files that say nothing sensible.
#include "agent/forecast/memory_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/fakes/temp_dir.h"

namespace oomtrail::forecast {
namespace {

using ::testing::DoubleEq;
using ::testing::Optional;

TEST(MemoryFiles, ACounterIsANumberAndNothingElse) {
  EXPECT_THAT(ParseCounter("0\n"), Optional(0u));
  EXPECT_THAT(ParseCounter("18446744073709551615"), Optional(UINT64_MAX));
  for (const char* damaged : {"", "\n", "-1\n", "12 \n", "1x\n", "0x10\n", "18446744073709551616\n",
                              "1\n2\n", "\xff\n"}) {
    EXPECT_FALSE(ParseCounter(damaged)) << damaged;
  }
  EXPECT_FALSE(ParseCounter(std::string_view("1\0\n", 3)));
}

TEST(MemoryFiles, ALimitIsANumberOrNone) {
  EXPECT_THAT(ParseLimit("67108864\n"), Optional(67108864u));
  EXPECT_THAT(ParseLimit("0\n"), Optional(0u));
  EXPECT_EQ(ParseLimit("max\n"), kUnlimited) << "v2";
  EXPECT_EQ(ParseLimit("9223372036854771712\n"), kUnlimited) << "v1, 4 KiB pages";
  EXPECT_EQ(ParseLimit("9223372036854710272\n"), kUnlimited) << "v1, 64 KiB pages";
  for (const char* damaged : {"", "maximum\n", "max max\n", "-1\n", "1.5\n"}) {
    EXPECT_FALSE(ParseLimit(damaged)) << damaged;
  }
}

TEST(MemoryFiles, AKeysNumberIsOnItsOwnLine) {
  const std::string stat = "inactive_file_x 1\nactive_file 2\ninactive_file 3\nunevictable 4\n";
  EXPECT_THAT(ParseKeyed(stat, "inactive_file"), Optional(3u));
  EXPECT_FALSE(ParseKeyed(stat, "file"));
  EXPECT_FALSE(ParseKeyed("inactive_file 34", "inactive_file")) << "may be cut";
  EXPECT_FALSE(ParseKeyed("inactive_file x\ninactive_file 3\n", "inactive_file"));
  EXPECT_FALSE(ParseKeyed("", "inactive_file"));
  EXPECT_FALSE(ParseKeyed("\n\n\n", "inactive_file"));
}

TEST(MemoryFiles, AShareIsThatOfTheLastTenSecondsInWhichSomebodyWaited) {
  const std::string full = "full avg10=9.00 avg60=0.00 avg300=0.00 total=9\n";
  EXPECT_THAT(ParseStalledShare("some avg10=12.50 avg60=1.00 avg300=0.20 total=123456\n" + full),
              Optional(DoubleEq(0.125)));
  EXPECT_THAT(ParseStalledShare("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" + full),
              Optional(DoubleEq(0)));
  for (const std::string& damaged :
       {std::string(), full, std::string("some avg10="), std::string("some avg10=-1.00 "),
        std::string("some avg10=100.01 "), std::string("some avg10=nan "),
        std::string("some avg10=inf "), std::string("some avg10=1e1 "),
        std::string("some avg10=1,5 ")}) {
    EXPECT_FALSE(ParseStalledShare(damaged)) << damaged;
  }
}

TEST(MemoryFiles, TheNodeUsesWhatIsNotAvailable) {
  const auto usage = ParseMeminfo(
      "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    4000 kB\n");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->usage_bytes, 12000u * 1024);
  EXPECT_THAT(usage->limit_bytes, Optional(16000u * 1024));
}

TEST(MemoryFiles, ANodeThatSaysNothingSensibleSaysNothing) {
  for (const char* damaged :
       {"", "MemTotal: 16000 kB\n", "MemAvailable: 4000 kB\n",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n", "MemTotal: 16000\nMemAvailable: 4000\n",
        "MemTotal: x kB\nMemAvailable: 4000 kB\n", "MemTotal: kB\nMemAvailable:\n",
        "MemTotal: 18446744073709551615 kB\nMemAvailable: 4000 kB\n"}) {
    EXPECT_FALSE(ParseMeminfo(damaged)) << damaged;
  }
  const auto more = ParseMeminfo("MemTotal: 16 kB\nMemAvailable: 17 kB\n");
  ASSERT_TRUE(more);
  EXPECT_EQ(more->usage_bytes, 0u);
}

TEST(MemoryFiles, AHeldFileIsReadFromItsBeginningEachTime) {
  const fakes::TempDir dir;
  const base::UniqueFd file(::open(dir.Write("usage", "123\n").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 8> buffer{};
  EXPECT_THAT(Pread(file, buffer), Optional(std::string_view("123\n")));
  EXPECT_THAT(Pread(file, buffer), Optional(std::string_view("123\n")));
  dir.Write("usage", "123456789\n");
  EXPECT_THAT(Pread(file, buffer), Optional(std::string_view("12345678"))) << "cut";
  EXPECT_FALSE(Pread(base::UniqueFd(), buffer));
}

}  // namespace
}  // namespace oomtrail::forecast
