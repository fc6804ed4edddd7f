// Small string work on std::string_view. Pure, thread-safe.
//
// Debian 12 builds abseil with a string_view of its own, which std::string_view does not convert
// to, so absl/strings cannot be used with ours. Names and meanings are abseil's.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace oomtrail::base {

template <typename T>
void AppendPiece(std::string& out, const T& piece) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out.append(std::string_view(piece));
  } else if constexpr (std::integral<T>) {
    static_assert(!std::same_as<T, bool> && !std::same_as<T, char>, "say what it should look like");
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, piece);
    out.append(digits, end);
  } else {
    out.append(piece.data(), piece.size());  // abseil's string_view
  }
}

template <typename... Pieces>
void StrAppend(std::string* out, const Pieces&... pieces) {
  (AppendPiece(*out, pieces), ...);
}

template <typename... Pieces>
[[nodiscard]] std::string StrCat(const Pieces&... pieces) {
  std::string out;
  StrAppend(&out, pieces...);
  return out;
}

inline bool StrContains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline bool ConsumePrefix(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

inline bool ConsumeSuffix(std::string_view* text, std::string_view suffix) {
  if (!text->ends_with(suffix)) return false;
  text->remove_suffix(suffix.size());
  return true;
}

inline std::string_view StripSuffix(std::string_view text, std::string_view suffix) {
  ConsumeSuffix(&text, suffix);
  return text;
}

inline std::string_view StripPrefix(std::string_view text, std::string_view prefix) {
  ConsumePrefix(&text, prefix);
  return text;
}

// The pieces between separators, at most `max_pieces`: the last holds the rest. "" is one piece.
inline std::vector<std::string_view> StrSplit(std::string_view text, char separator,
                                              size_t max_pieces = SIZE_MAX) {
  std::vector<std::string_view> pieces;
  while (pieces.size() + 1 < max_pieces) {
    const size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    pieces.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  pieces.push_back(text);
  return pieces;
}

[[nodiscard]] inline std::string StrJoin(const std::vector<std::string>& pieces,
                                         std::string_view separator) {
  std::string out;
  for (const std::string& piece : pieces) {
    if (!out.empty()) out.append(separator);
    out.append(piece);
  }
  return out;
}

// The whole text as a number; false (and `value` untouched) for anything else or out of range.
template <std::integral T>
bool SimpleAtoi(std::string_view text, T* value, int radix = 10) {
  T parsed{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed, radix);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  *value = parsed;
  return true;
}

template <std::integral T>
bool SimpleHexAtoi(std::string_view text, T* value) {
  return SimpleAtoi(text, value, 16);
}

}  // namespace oomtrail::base
