// Writes Prometheus' text exposition format 0.0.4 to the end of a string.
//
// Owned and called by one thread. Names of metrics and labels are ours; label values may hold
// anything that LabelValue() lets through.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace oomtrail::publish {

inline constexpr size_t kMaxLabelBytes = 253;  // the longest name that Kubernetes knows

// A name from a pod, fit for a label: printable (base/printable.h), cut to kMaxLabelBytes where a
// character ends. Names are kept in this form, not made so when they are written: two names that
// differ only in what was cut must be one series, or the whole scrape would be refused.
std::string LabelValue(std::string_view name);
// Whether `text` may have come from LabelValue().
bool IsLabelValue(std::string_view text);

struct Label {
  std::string_view name;
  std::string_view value;
};

class MetricText {
 public:
  enum class Type : uint8_t { kCounter, kGauge, kHistogram };

  explicit MetricText(std::string& out) : out_(out) {}

  // The samples that follow are of this family, until the next one. `help`: one line, no backslash.
  void Family(std::string_view name, Type type, std::string_view help);

  void Sample(std::initializer_list<Label> labels, double value);
  template <std::unsigned_integral Number>
  void Sample(std::initializer_list<Label> labels, Number value) {
    Begin("", labels);
    Value(uint64_t{value});
  }

  // All lines of a histogram. `counts`: how many fell into each bucket alone, the last one being
  // for what is above all `bounds`.
  void Histogram(std::span<const double> bounds, std::span<const uint64_t> counts, double sum);

 private:
  void Begin(std::string_view suffix, std::initializer_list<Label> labels);
  void Value(uint64_t value);
  void Value(double value);

  std::string& out_;
  std::string name_;
};

}  // namespace oomtrail::publish
