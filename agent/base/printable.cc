#include "agent/base/printable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace oomtrail::base {
namespace {

struct CodePoint {
  uint32_t value;
  size_t length;  // bytes taken; 0 where the bytes are not UTF-8
};

// The code point at the start of `bytes` by RFC 3629: shortest form, no surrogates, <= U+10FFFF.
CodePoint DecodeUtf8(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const auto tail = [&](size_t i) { return i < bytes.size() && (byte(i) & 0xC0) == 0x80; };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first >= 0xC2 && first <= 0xDF && tail(1)) {
    return {((first & 0x1F) << 6) | (byte(1) & 0x3FU), 2};
  }
  if (first >= 0xE0 && first <= 0xEF && tail(1) && tail(2)) {
    const uint32_t value = ((first & 0x0F) << 12) | ((byte(1) & 0x3FU) << 6) | (byte(2) & 0x3FU);
    if (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF)) return {0, 0};
    return {value, 3};
  }
  if (first >= 0xF0 && first <= 0xF4 && tail(1) && tail(2) && tail(3)) {
    const uint32_t value = ((first & 0x07) << 18) | ((byte(1) & 0x3FU) << 12) |
                           ((byte(2) & 0x3FU) << 6) | (byte(3) & 0x3FU);
    if (value < 0x10000 || value > 0x10FFFF) return {0, 0};
    return {value, 4};
  }
  return {0, 0};
}

bool ActsOnTerminals(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||  // C0, DEL, C1
         (c >= 0x200B && c <= 0x200F) ||          // zero width, marks
         (c >= 0x2028 && c <= 0x202E) ||          // separators, embeddings, overrides
         (c >= 0x2060 && c <= 0x2069) ||          // joiners, isolates
         c == 0x061C || c == 0xFEFF;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Whether `bytes`, which starts with a backslash, could be taken for an escape of ours.
bool ReadsLikeEscape(std::string_view bytes) {
  if (bytes.size() < 4 || bytes[1] != 'x') return false;
  const int high = HexDigit(bytes[2]);
  const int low = HexDigit(bytes[3]);
  if (high < 0 || low < 0) return false;
  const int value = high * 16 + low;
  return value < 0x20 || value >= 0x7F || value == '\\';
}

void AppendEscaped(std::string_view bytes, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

// Nearly every name there is: nothing in it could need an escape.
bool IsPlain(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

}  // namespace

std::string Printable(std::string_view bytes) {
  if (IsPlain(bytes)) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const CodePoint point = DecodeUtf8(bytes);
    const size_t length = point.length == 0 ? 1 : point.length;
    const bool escape = point.length == 0 || ActsOnTerminals(point.value) ||
                        (point.value == '\\' && ReadsLikeEscape(bytes));
    if (escape) {
      AppendEscaped(bytes.substr(0, length), out);
    } else {
      out.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length);
  }
  return out;
}

std::string FromPrintable(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    if (text[0] == '\\' && ReadsLikeEscape(text)) {
      bytes += static_cast<char>(HexDigit(text[2]) * 16 + HexDigit(text[3]));
      text.remove_prefix(4);
    } else {
      bytes += text[0];
      text.remove_prefix(1);
    }
  }
  return bytes;
}

}  // namespace oomtrail::base
