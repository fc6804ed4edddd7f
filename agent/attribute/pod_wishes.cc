#include "agent/attribute/pod_wishes.h"

#include <optional>

#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

constexpr std::string_view kPrefix = "oomtrail.io/";
constexpr size_t kMaxBytes = 64;  // of a name, of a value
constexpr std::string_view kCut = "...";

std::string Bounded(std::string_view text) {
  if (text.size() <= kMaxBytes) return std::string(text);
  return base::StrCat(text.substr(0, kMaxBytes), kCut);
}

// Digits alone: "1e3", " 60" and "-0" are nobody's meaning.
std::optional<int> WholeNumber(std::string_view text, int least, int most) {
  int number = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos ||
      !base::SimpleAtoi(text, &number) || number < least || number > most) {
    return std::nullopt;
  }
  return number;
}

std::optional<bool> OnOrOff(std::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return std::nullopt;
}

template <typename Field, typename Value>
bool Set(const std::optional<Value>& value, Field& field) {
  if (value) field = *value;
  return value.has_value();
}

// What was expected in its place; empty where all is well.
std::string Take(std::string_view name, std::string_view value, PodRule& rule) {
  if (name == "warn") return Set(OnOrOff(value), rule.warn.on) ? "" : "on or off";
  if (name == "track") return Set(OnOrOff(value), rule.track) ? "" : "on or off";
  if (name == "warn-seconds") {
    return Set(WholeNumber(value, 0, kMaxWarnSeconds), rule.warn.seconds)
               ? ""
               : base::StrCat("a whole number from 0 to ", kMaxWarnSeconds);
  }
  if (name == "warn-percent") {
    return Set(WholeNumber(value, 1, 100), rule.warn.percent) ? "" : "a whole number from 1 to 100";
  }
  return "one of warn, warn-seconds, warn-percent, track";
}

}  // namespace

void TakeWish(std::string_view key, std::string_view value, Wishes& wishes) {
  if (!base::ConsumePrefix(&key, kPrefix) || wishes.size() == kMaxWishes) return;
  wishes.emplace(Bounded(key), Bounded(value));
}

PodRule ReadWishes(const Wishes& wishes, const forecast::WarnRule& by_flag) {
  PodRule rule{.warn = by_flag};
  for (const auto& [name, value] : wishes) {
    const std::string expected = Take(name, value, rule);
    if (expected.empty()) continue;
    rule.wrong.push_back(
        base::StrCat(kPrefix, name, ": ", value.empty() ? "\"\"" : value, " is not ", expected));
  }
  return rule;
}

}  // namespace oomtrail::attribute
