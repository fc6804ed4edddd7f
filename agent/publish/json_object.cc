#include "agent/publish/json_object.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "agent/base/printable.h"

namespace oomtrail::publish {
namespace {

// What neither Printable() nor JSON would change: nearly every name there is.
bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void AppendString(std::string& out, std::string_view text) {
  out += '"';
  if (IsPlain(text)) {
    out.append(text);
  } else {
    // Printable() leaves no control characters: only these two mean something to JSON.
    for (const char c : base::Printable(text)) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

}  // namespace

JsonObject::JsonObject(std::string& out) : out_(out), open_(true) { out_ += '{'; }

JsonObject::~JsonObject() {
  if (open_) out_ += '}';
}

void JsonObject::Open() {
  if (open_ || parent_ == nullptr) return;
  parent_->Begin(name_);
  out_ += '{';
  open_ = true;
}

void JsonObject::Separate() {
  Open();
  if (!empty_) out_ += ',';
  empty_ = false;
}

void JsonObject::Begin(std::string_view name) {
  Separate();
  base::StrAppend(&out_, "\"", name, "\":");
}

void JsonObject::Text(std::string_view name, std::string_view value) {
  Begin(name);
  AppendString(out_, value);
}

void JsonObject::Labelled(std::string_view name, std::string_view value) {
  Separate();
  AppendString(out_, name);
  out_ += ':';
  AppendString(out_, value);
}

void JsonObject::Texts(std::string_view name, const std::vector<std::string>& values) {
  Begin(name);
  out_ += '[';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out_ += ',';
    AppendString(out_, values[i]);
  }
  out_ += ']';
}

void JsonObject::Flag(std::string_view name, bool value) {
  Begin(name);
  out_ += value ? "true" : "false";
}

void JsonObject::Fraction(std::string_view name, double value, int digits) {
  if (!std::isfinite(value)) return;  // JSON has no word for it
  std::string text = absl::StrFormat("%.*f", digits, value);
  if (digits > 0) {
    text.resize(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  Begin(name);
  out_ += text == "-0" ? "0" : text;
}

}  // namespace oomtrail::publish
