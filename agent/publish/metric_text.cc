#include "agent/publish/metric_text.h"

#include <charconv>
#include <cmath>

#include "agent/base/printable.h"
#include "agent/base/strings.h"

namespace oomtrail::publish {
namespace {

// The longest character of UTF-8 less one: what may stick out over a cut.
constexpr size_t kMaxTail = 3;

bool ContinuesCharacter(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

std::string_view TypeName(MetricText::Type type) {
  switch (type) {
    case MetricText::Type::kCounter: return "counter";
    case MetricText::Type::kGauge: return "gauge";
    case MetricText::Type::kHistogram: return "histogram";
  }
  return "untyped";
}

void AppendEscaped(std::string& out, std::string_view value) {
  for (size_t special = value.find_first_of("\\\"\n"); special != std::string_view::npos;
       special = value.find_first_of("\\\"\n")) {
    out.append(value.substr(0, special));
    out += '\\';
    out += value[special] == '\n' ? 'n' : value[special];
    value.remove_prefix(special + 1);
  }
  out.append(value);
}

// The shortest text that reads back as the same number, with an exponent only where people would
// write one.
std::string_view Digits(double value, std::span<char> buffer) {
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {buffer.data(), end};
}

}  // namespace

std::string LabelValue(std::string_view name) {
  // Printable() never shortens, so bytes this far behind would be cut off below in any case.
  std::string value = base::Printable(name.substr(0, kMaxLabelBytes + kMaxTail));
  if (value.size() <= kMaxLabelBytes) return value;
  size_t end = kMaxLabelBytes;
  while (end > 0 && ContinuesCharacter(value[end])) --end;
  value.resize(end);
  return value;
}

bool IsLabelValue(std::string_view text) {
  if (text.size() > kMaxLabelBytes) return false;
  // Printable() is not its own fixed point, but only because of backslashes.
  std::string rest(text);
  std::erase(rest, '\\');
  return base::Printable(rest) == rest;
}

void MetricText::Family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  base::StrAppend(&out_, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", TypeName(type), "\n");
}

void MetricText::Begin(std::string_view suffix, std::initializer_list<Label> labels) {
  out_.append(name_).append(suffix);
  char separator = '{';
  for (const Label& label : labels) {
    out_ += separator;
    out_.append(label.name).append("=\"");
    AppendEscaped(out_, label.value);
    out_ += '"';
    separator = ',';
  }
  out_.append(labels.size() == 0 ? " " : "} ");
}

void MetricText::Value(uint64_t value) { base::StrAppend(&out_, value, "\n"); }

void MetricText::Value(double value) {
  char buffer[32];
  const std::string_view digits = std::isnan(value)   ? "NaN"
                                  : std::isinf(value) ? (value > 0 ? "+Inf" : "-Inf")
                                                      : Digits(value, buffer);
  base::StrAppend(&out_, digits, "\n");
}

void MetricText::Sample(std::initializer_list<Label> labels, double value) {
  Begin("", labels);
  Value(value);
}

void MetricText::Histogram(std::span<const double> bounds, std::span<const uint64_t> counts,
                           double sum) {
  uint64_t cumulated = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cumulated += counts[i];
    char buffer[32];
    Begin("_bucket", {{"le", i < bounds.size() ? Digits(bounds[i], buffer) : "+Inf"}});
    Value(cumulated);
  }
  Begin("_sum", {});
  Value(sum);
  Begin("_count", {});
  Value(cumulated);
}

}  // namespace oomtrail::publish
