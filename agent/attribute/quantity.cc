#include "agent/attribute/quantity.h"

#include <limits>

#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

// Wide enough for any mantissa of kMaxDigits times any unit.
using Wide = unsigned __int128;
constexpr int kMaxDigits = 19;
constexpr int kMaxExponent = 18;

struct Unit {
  std::string_view suffix;
  int binary;   // power of 2
  int decimal;  // power of 10
};
constexpr Unit kUnits[] = {{"Ki", 10, 0}, {"Mi", 20, 0}, {"Gi", 30, 0}, {"Ti", 40, 0},
                           {"Pi", 50, 0}, {"Ei", 60, 0}, {"n", 0, -9},  {"u", 0, -6},
                           {"m", 0, -3},  {"", 0, 0},    {"k", 0, 3},   {"M", 0, 6},
                           {"G", 0, 9},   {"T", 0, 12},  {"P", 0, 15},  {"E", 0, 18}};

std::optional<Unit> UnitOf(std::string_view suffix) {
  for (const Unit& unit : kUnits) {
    if (unit.suffix == suffix) return unit;
  }
  // "e6", "E-3".
  if (!base::ConsumePrefix(&suffix, "e") && !base::ConsumePrefix(&suffix, "E")) return std::nullopt;
  base::ConsumePrefix(&suffix, "+");
  int exponent = 0;
  if (!base::SimpleAtoi(suffix, &exponent) || exponent < -kMaxExponent || exponent > kMaxExponent) {
    return std::nullopt;
  }
  return Unit{"", 0, exponent};
}

Wide PowerOfTen(int exponent) {
  Wide power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

}  // namespace

std::optional<uint64_t> ParseMemoryQuantity(std::string_view text) {
  base::ConsumePrefix(&text, "+");
  uint64_t mantissa = 0;
  int digits = 0;    // that count against the width
  int decimals = 0;  // behind the point
  bool any = false;
  bool point = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    mantissa = mantissa * 10 + static_cast<uint64_t>(c - '0');
    if (mantissa != 0 && ++digits > kMaxDigits) return std::nullopt;
    if (point && ++decimals > kMaxDigits) return std::nullopt;
  }
  const auto unit = UnitOf(text.substr(at));
  if (!any || !unit) return std::nullopt;
  // At most 10^19 · 2^60 or 10^19 · 10^18, both below 2^128.
  Wide value = Wide{mantissa} << unit->binary;
  const int exponent = unit->decimal - decimals;
  if (exponent >= 0) {
    value *= PowerOfTen(exponent);
  } else {
    const Wide divisor = PowerOfTen(-exponent);
    value = value / divisor + (value % divisor != 0 ? 1 : 0);
  }
  if (value > std::numeric_limits<uint64_t>::max()) return std::nullopt;
  return static_cast<uint64_t>(value);
}

}  // namespace oomtrail::attribute
