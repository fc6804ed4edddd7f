#include "agent/model/ids.h"

#include <algorithm>
#include <utility>

namespace oomtrail::model {
namespace {

// A lambda, which the algorithms below inline; a function they would call by pointer.
constexpr auto kIsLowerHex = [](char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
};

}  // namespace

std::optional<ContainerId> ContainerId::Parse(std::string_view text) {
  if (text.size() != 64 || !std::all_of(text.begin(), text.end(), kIsLowerHex)) return std::nullopt;
  return ContainerId(text);
}

std::optional<PodUid> PodUid::Parse(std::string_view text) {
  if (text.size() == 32) {
    if (!std::all_of(text.begin(), text.end(), kIsLowerHex)) return std::nullopt;
    return PodUid(std::string(text));
  }
  if (text.size() != 36) return std::nullopt;
  const char separator = text[8];
  if (separator != '-' && separator != '_') return std::nullopt;
  std::string uid(text);
  for (size_t i = 0; i < uid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? uid[i] != separator : !kIsLowerHex(uid[i])) return std::nullopt;
    if (dash) uid[i] = '-';
  }
  return PodUid(std::move(uid));
}

}  // namespace oomtrail::model
