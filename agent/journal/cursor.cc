#include "agent/journal/cursor.h"

#include <charconv>

#include "agent/base/printable.h"
#include "agent/base/strings.h"

namespace oomtrail::journal {
namespace {

// Exactly as FormatCursor writes it, so that a position has one text.
bool ReadNumber(std::string_view text, int radix, uint64_t* value) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  for (const char c : text) {
    if (c >= 'A' && c <= 'F') return false;
  }
  return base::SimpleAtoi(text, value, radix);
}

}  // namespace

std::string FormatCursor(std::string_view node, Position position) {
  char digits[17];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, position.epoch, 16);
  return base::StrCat(base::Printable(node), "/",
                      std::string_view(digits, static_cast<size_t>(end - digits)), "/",
                      position.sequence);
}

absl::StatusOr<Position> ParseCursor(std::string_view text, std::string_view node) {
  if (text.size() > kMaxCursorBytes) return absl::InvalidArgumentError("a cursor is not that long");
  const size_t last = text.rfind('/');
  const size_t first = last == std::string_view::npos || last == 0 ? std::string_view::npos
                                                                   : text.rfind('/', last - 1);
  Position position;
  if (first == std::string_view::npos ||
      !ReadNumber(text.substr(first + 1, last - first - 1), 16, &position.epoch) ||
      !ReadNumber(text.substr(last + 1), 10, &position.sequence)) {
    return absl::InvalidArgumentError("not a cursor of oomtrail");
  }
  if (text.substr(0, first) != base::Printable(node)) {
    return absl::InvalidArgumentError(base::StrCat("a cursor of node ",
                                                   base::Printable(text.substr(0, first)),
                                                   "; this is ", base::Printable(node)));
  }
  return position;
}

}  // namespace oomtrail::journal
