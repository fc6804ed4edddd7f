#include "agent/attribute/quantity.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace oomtrail::attribute {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

struct Row {
  const char* name;
  std::string text;
  std::optional<uint64_t> bytes;
};
class QuantityTest : public testing::TestWithParam<Row> {};

TEST_P(QuantityTest, IsReadOrRefused) {
  EXPECT_EQ(ParseMemoryQuantity(GetParam().text), GetParam().bytes) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, QuantityTest,
    testing::Values(
        Row{"plain", "134217728", 134217728}, Row{"zero", "0", 0}, Row{"kibi", "3Ki", 3072},
        Row{"mebi", "512Mi", 512ULL << 20}, Row{"gibi", "1Gi", 1ULL << 30},
        Row{"tebi", "2Ti", 2ULL << 40}, Row{"pebi", "1Pi", 1ULL << 50},
        Row{"exbi", "7Ei", 7ULL << 60}, Row{"kilo", "5k", 5000}, Row{"mega", "129M", 129'000'000},
        Row{"giga", "1G", 1'000'000'000}, Row{"tera", "1T", 1'000'000'000'000},
        Row{"peta", "1P", 1'000'000'000'000'000}, Row{"exa", "1E", 1'000'000'000'000'000'000},
        Row{"exponent", "129e6", 129'000'000}, Row{"big_exponent", "1E3", 1000},
        Row{"negative_exponent", "1500e-3", 2}, Row{"milli", "128974848000m", 128974848},
        Row{"milli_rounds_up", "1m", 1}, Row{"micro", "1000001u", 2}, Row{"nano", "1n", 1},
        Row{"fraction", "1.5Gi", 3ULL << 29}, Row{"fraction_rounds_up", "0.1", 1},
        Row{"no_digit_before", ".5Ki", 512}, Row{"no_digit_behind", "2.Ki", 2048},
        Row{"plus", "+1Ki", 1024}, Row{"most", "18446744073709551615", std::nullopt},
        Row{"most_of_19_digits", "9999999999999999999", 9'999'999'999'999'999'999U},
        Row{"leading_zeros", std::string(40, '0') + "7", 7},
        // One damage each.
        Row{"empty", "", std::nullopt}, Row{"unit_alone", "Mi", std::nullopt},
        Row{"point_alone", ".", std::nullopt}, Row{"negative", "-1", std::nullopt},
        Row{"two_points", "1.2.3", std::nullopt}, Row{"blank", "1 Gi", std::nullopt},
        Row{"unknown_unit", "1GiB", std::nullopt}, Row{"lower_case", "1gi", std::nullopt},
        Row{"capital_kilo", "1K", std::nullopt}, Row{"hex", "0x10", std::nullopt},
        Row{"exponent_without_digits", "1e", std::nullopt},
        Row{"exponent_too_large", "1e19", std::nullopt},
        Row{"exponent_no_number", "1e6Mi", std::nullopt}, Row{"over_64_bits", "16Ei", std::nullopt},
        Row{"over_64_bits_decimal", "9999E", std::nullopt},
        Row{"too_many_digits", "100000000000000000000", std::nullopt},
        Row{"too_many_decimals", "0.00000000000000000001", std::nullopt},
        Row{"not_a_number", "lots", std::nullopt}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Quantity, OneByteLessThanTheMostFits) {
  EXPECT_EQ(ParseMemoryQuantity("15.99999999Ei").has_value(), true);
  EXPECT_LT(*ParseMemoryQuantity("15.99999999Ei"), kMost);
}

}  // namespace
}  // namespace oomtrail::attribute
