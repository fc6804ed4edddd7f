#include "agent/attribute/key_list.h"

#include <algorithm>

#include "agent/attribute/name_source.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

// More is a list that nobody has looked at.
constexpr size_t kMaxWords = 64;

bool IsKeyCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.' || c == '/';
}

absl::Status Refuse(std::string_view flag, std::string_view word, std::string_view why) {
  return absl::InvalidArgumentError(
      base::StrCat("--", flag, " ", word.empty() ? std::string_view("\"\"") : word, ": ", why,
                   "; give keys and prefixes, such as app,app.kubernetes.io/*, or none"));
}

}  // namespace

absl::StatusOr<KeyList> KeyList::Parse(std::string_view flag,
                                       const std::vector<std::string>& words) {
  KeyList list;
  if (words == std::vector<std::string>{"none"}) return list;
  if (words.size() > kMaxWords) {
    return Refuse(
        flag, words.front(),
        base::StrCat("is one of ", words.size(), ", at most ", kMaxWords, " may be given"));
  }
  for (const std::string& word : words) {
    std::string_view key = word;
    const bool prefix = base::ConsumeSuffix(&key, "*");
    if (word.empty()) return Refuse(flag, word, "is empty");
    if (word == "none") return Refuse(flag, word, "stands alone or not at all");
    if (key.size() > kMaxLabelKeyBytes) {
      return Refuse(flag, key.substr(0, 32),
                    base::StrCat("is longer than the ", kMaxLabelKeyBytes, " bytes of a key"));
    }
    if (base::StrContains(key, "*")) return Refuse(flag, word, "has a * before its end");
    if (!std::all_of(key.begin(), key.end(), IsKeyCharacter)) {
      return Refuse(flag, word, "holds a character that no key has");
    }
    (prefix ? list.prefixes_ : list.keys_).emplace_back(key);
  }
  return list;
}

KeyList KeyList::Everything() {
  KeyList list;
  list.prefixes_.emplace_back();
  return list;
}

bool KeyList::Allows(std::string_view key) const {
  return std::find(keys_.begin(), keys_.end(), key) != keys_.end() ||
         std::any_of(prefixes_.begin(), prefixes_.end(),
                     [&](const std::string& prefix) { return key.starts_with(prefix); });
}

}  // namespace oomtrail::attribute
