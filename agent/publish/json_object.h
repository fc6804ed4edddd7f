// Writes a JSON object to the end of a string, member by member, with no tree in between.
//
// A nested object appears with its first member, and not at all if it gets none; while it lives,
// its parent must get no other member. Owned and called by one thread.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/strings.h"

namespace oomtrail::publish {

class JsonObject {
 public:
  explicit JsonObject(std::string& out);  // the outermost, which is there even if empty
  JsonObject(JsonObject& parent, std::string_view name)
      : out_(parent.out_), parent_(&parent), name_(name) {}
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;
  ~JsonObject();

  bool empty() const { return empty_; }

  // Names of members are ours and plain ASCII, but for those of Labelled(). Every text is made
  // printable (base/printable.h), so what is written is valid UTF-8.
  void Text(std::string_view name, std::string_view value);
  void Labelled(std::string_view name, std::string_view value);
  void Texts(std::string_view name, const std::vector<std::string>& values);
  void Flag(std::string_view name, bool value);
  template <std::integral T>
  requires(!std::same_as<T, bool>) void Number(std::string_view name, T value) {
    Begin(name);
    base::StrAppend(&out_, value);
  }

  // Rounded to so many digits behind the point, at most, and absent where it is no number.
  void Fraction(std::string_view name, double value, int digits);

  // Members that are absent where they are not known.
  void TextIfAny(std::string_view name, std::string_view value) {
    if (!value.empty()) Text(name, value);
  }
  template <typename T>
  void NumberIfAny(std::string_view name, const std::optional<T>& value) {
    if (value) Number(name, *value);
  }
  void FractionIfAny(std::string_view name, const std::optional<double>& value, int digits) {
    if (value) Fraction(name, *value, digits);
  }

 private:
  void Open();
  void Separate();
  void Begin(std::string_view name);

  std::string& out_;
  JsonObject* const parent_ = nullptr;
  const std::string_view name_;
  bool open_ = false;
  bool empty_ = true;
};

}  // namespace oomtrail::publish
