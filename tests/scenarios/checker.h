// Collects what is wrong with one event, a line a failure.
//
// Owned and called by one thread; the event must outlive it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/strings.h"
#include "tests/scenarios/check.h"
#include "tests/scenarios/clocks.h"

namespace oomtrail::scenarios {

class Checker {
 public:
  explicit Checker(const Json& event) : event_(event) {
    if (const Json* list = At("/attribution/missing")) {
      for (const Json& name : *list) missing_.push_back(name.get<std::string>());
    }
  }

  const Json* At(const std::string& pointer) const {
    const Json::json_pointer at(pointer);
    return event_.contains(at) ? &event_.at(at) : nullptr;
  }

  void Fail(std::string failure) { failures_.push_back(std::move(failure)); }

  template <typename T>
  void Equal(const std::string& pointer, const T& expected) {
    const Json* got = At(pointer);
    if (got == nullptr)
      return Fail(base::StrCat(pointer, ": absent, expected ", Json(expected).dump()));
    if (*got != Json(expected)) {
      Fail(base::StrCat(pointer, ": expected ", Json(expected).dump(), ", got ", got->dump()));
    }
  }

  void Near(const std::string& pointer, uint64_t expected, uint64_t slack) {
    const Json* got = At(pointer);
    if (got == nullptr || !got->is_number_unsigned()) return Equal(pointer, expected);
    const uint64_t value = got->get<uint64_t>();
    if ((value > expected ? value - expected : expected - value) > slack) {
      Fail(base::StrCat(pointer, ": expected ", expected, " within ", slack, ", got ", value));
    }
  }

  void Between(const std::string& pointer, double least, double most) {
    const Json* got = At(pointer);
    if (got == nullptr || !got->is_number()) return Fail(base::StrCat(pointer, ": no number"));
    const double value = got->get<double>();
    if (value < least || value > most) {
      Fail(base::StrCat(pointer, ": ", got->dump(), " is not from ", Json(least).dump(), " to ",
                        Json(most).dump()));
    }
  }

  // The time at `pointer`, which must lie between the two.
  void Within(const std::string& pointer, int64_t from_ns, int64_t to_ns) {
    const Json* got = At(pointer);
    const auto time =
        got != nullptr && got->is_string() ? ParseUtc(got->get<std::string>()) : std::nullopt;
    if (!time) return Fail(base::StrCat(pointer, ": no time, got ", got ? got->dump() : "nothing"));
    if (*time < from_ns || *time > to_ns) {
      Fail(base::StrCat(pointer, ": ", got->dump(), " is not within ", FormatUtc(from_ns), " and ",
                        FormatUtc(to_ns)));
    }
  }

  void Absent(const std::string& pointer) {
    if (const Json* got = At(pointer)) {
      Fail(base::StrCat(pointer, ": expected to be absent, got ", got->dump()));
    }
  }

  bool Named(std::string_view name) const {
    return std::ranges::find(missing_, name) != missing_.end();
  }
  const std::vector<std::string>& missing() const { return missing_; }
  std::vector<std::string> Take() { return std::move(failures_); }

 private:
  const Json& event_;
  std::vector<std::string> missing_;
  std::vector<std::string> failures_;
};

}  // namespace oomtrail::scenarios
