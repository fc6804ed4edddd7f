// The counters as text, and back: a line a value, fields parted by tabs, which labels never hold.
// Only what is not 0. The last line is a checksum of all before it: half a file, or one with a
// flipped bit, is no counter to alert on.
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/publish/counters.h"

namespace oomtrail::publish {
namespace {

constexpr std::string_view kFirstLine = "oomtrail-metrics\t1\n";
constexpr std::string_view kLastWord = "end";
constexpr std::string_view kWithoutKillWord = "without_kill";
constexpr size_t kMaxSavedBytes = 16 << 20;  // all series there may be, with the longest names
constexpr size_t kHexDigits = 16;

using Fields = std::span<const std::string_view>;

std::string Hex(uint64_t value) { return absl::StrFormat("%016x", value); }

// No reason is called as a scope is.
std::string_view SeriesWord(size_t series) {
  if (series >= kWarnings) return Name(static_cast<model::WarningReason>(series - kWarnings));
  return series == kWithoutKill ? kWithoutKillWord : ScopeLabel(series);
}

template <typename... Words>
void Line(std::string& out, std::string_view first, const Words&... words) {
  out += first;
  (base::StrAppend(&out, "\t", words), ...);
  out += '\n';
}

std::optional<uint64_t> ToCount(std::string_view text) {
  uint64_t count = 0;
  if (!base::SimpleAtoi(text, &count) || count == 0) return std::nullopt;
  return count;
}

std::optional<uint64_t> ToId(std::string_view text) {
  uint64_t id = 0;
  if (text.size() != kHexDigits || !base::SimpleHexAtoi(text, &id)) return std::nullopt;
  return id;
}

// The index below `size` that `word_of` gives this word.
template <typename WordOf>
std::optional<size_t> ToIndex(std::string_view word, size_t size, WordOf word_of) {
  for (size_t index = 0; index < size; ++index) {
    if (word_of(index) == word) return index;
  }
  return std::nullopt;
}

std::optional<ContainerName> ToName(Fields fields) {
  for (const std::string_view field : fields) {
    if (!IsLabelValue(field)) return std::nullopt;
  }
  return ContainerName{.ns = std::string(fields[0]),
                       .pod = std::string(fields[1]),
                       .container = std::string(fields[2])};
}

absl::Status Damaged(std::string_view how) {
  return absl::DataLossError(base::StrCat("saved metrics: ", how));
}

// The lines between the first and the last.
absl::StatusOr<std::string_view> Lines(std::string_view saved) {
  if (saved.size() > kMaxSavedBytes) {
    return Damaged(base::StrCat("larger than the bound of ", kMaxSavedBytes, " bytes"));
  }
  const std::string last = base::StrCat(kLastWord, "\t", Hex(0), "\n");
  if (saved.size() < kFirstLine.size() + last.size()) return Damaged("too short");
  const std::string_view all = saved.substr(0, saved.size() - last.size());
  if (saved.substr(all.size()) != base::StrCat(kLastWord, "\t", Hex(Fingerprint(all)), "\n")) {
    return Damaged("the checksum is wrong");
  }
  std::string_view lines = all;
  if (!base::ConsumePrefix(&lines, kFirstLine)) return Damaged("not of a version known here");
  return lines;
}

}  // namespace

std::string Counters::Save() const {
  std::string out(kFirstLine);
  // Before the series: one that finds no room at Restore() adds to it.
  if (containers_.refused() != 0) Line(out, "refused", containers_.refused());
  containers_.ForEach([&](const ContainerName& name, const ContainerSeries::Values& values) {
    for (size_t series = 0; series < values.size(); ++series) {
      if (values[series].value_or(0) == 0) continue;
      Line(out, "series", name.ns, name.pod, name.container, SeriesWord(series), *values[series]);
    }
  });
  for (size_t scope = 0; scope < kScopes; ++scope) {
    if (incidents_[scope] != 0) Line(out, "incidents", ScopeLabel(scope), incidents_[scope]);
  }
  for (const auto& [stage, count] : lost_) {
    if (count != 0) Line(out, "lost", stage, count);
  }
  for (size_t i = 0; i < kUnattributedReasons; ++i) {
    if (unattributed_[i] == 0) continue;
    Line(out, "unattributed", Name(static_cast<Unattributed>(i)), unattributed_[i]);
  }
  for (size_t bucket = 0; bucket < kAttributionBuckets; ++bucket) {
    if (attribution_[bucket] != 0) Line(out, "attribution", bucket, attribution_[bucket]);
  }
  if (attribution_ns_ != 0) Line(out, "attribution_ns", attribution_ns_);
  warnings_.ForEach([&](const std::string& word, uint64_t value) {
    if (value != 0) Line(out, "warnings", word, value);
  });
  held_.ForEach([&](const HeldEvent& event) {
    Line(out, "held", Hex(event.id), event.name.ns, event.name.pod, event.name.container,
         SeriesWord(event.series), event.amount);
  });
  for (const uint64_t id : seen_events_.in_order()) Line(out, "seen", Hex(id));
  for (const uint64_t id : seen_incidents_.in_order()) Line(out, "seen_incident", Hex(id));
  for (const uint64_t id : warnings_.ended().in_order()) Line(out, "ended", Hex(id));
  const std::string checksum = Hex(Fingerprint(out));
  Line(out, kLastWord, checksum);
  return out;
}

// One method a kind of line; false where the line makes no sense.
class Counters::Reader {
 public:
  Reader(Counters& counters, uint64_t now_ns) : counters_(counters), now_ns_(now_ns) {}

  bool Read(std::string_view line) {
    struct Kind {
      std::string_view word;
      size_t fields;
      bool (Reader::*read)(Fields);
    };
    static constexpr Kind kKinds[] = {
        {"refused", 1, &Reader::Refused},
        {"series", 5, &Reader::Series},
        {"incidents", 2, &Reader::Incidents},
        {"lost", 2, &Reader::Lost},
        {"unattributed", 2, &Reader::ReadUnattributed},
        {"attribution", 2, &Reader::Attribution},
        {"attribution_ns", 1, &Reader::AttributionNanos},
        {"held", 6, &Reader::Held},
        {"seen", 1, &Reader::Seen},
        {"seen_incident", 1, &Reader::SeenIncident},
        {"warnings", 2, &Reader::Warnings},
        {"ended", 1, &Reader::Ended},
    };
    constexpr size_t kMaxFields = 8;
    const std::vector<std::string_view> words = base::StrSplit(line, '\t', kMaxFields);
    for (const Kind& kind : kKinds) {
      if (kind.word != words[0]) continue;
      return kind.fields == words.size() - 1 && (this->*kind.read)(Fields(words).subspan(1));
    }
    return false;
  }

 private:
  bool Refused(Fields fields) {
    const auto count = ToCount(fields[0]);
    if (count) counters_.containers_.RestoreRefused(*count);
    return count.has_value();
  }

  bool Series(Fields fields) {
    const auto name = ToName(fields.first(3));
    const auto series = ToIndex(fields[3], kSeriesOfContainer, SeriesWord);
    const auto count = ToCount(fields[4]);
    if (!name || !series || !count) return false;
    counters_.containers_.Add(*name, *series, *count, now_ns_);
    return true;
  }

  bool Incidents(Fields fields) {
    return Restore(ToIndex(fields[0], kScopes, ScopeLabel), fields[1], counters_.incidents_);
  }

  bool Lost(Fields fields) {
    const auto count = ToCount(fields[1]);
    if (!IsLabelValue(fields[0]) || !count) return false;
    counters_.CountLoss({.stage = std::string(fields[0]), .count = *count});
    return true;
  }

  bool ReadUnattributed(Fields fields) {
    const auto reason = ToIndex(fields[0], kUnattributedReasons, [](size_t index) {
      return Name(static_cast<Unattributed>(index));
    });
    return Restore(reason, fields[1], counters_.unattributed_);
  }

  bool Attribution(Fields fields) {
    size_t bucket = 0;
    if (!base::SimpleAtoi(fields[0], &bucket) || bucket >= kAttributionBuckets) return false;
    return Restore(bucket, fields[1], counters_.attribution_);
  }

  bool AttributionNanos(Fields fields) {
    return base::SimpleAtoi(fields[0], &counters_.attribution_ns_);
  }

  bool Held(Fields fields) {
    const auto id = ToId(fields[0]);
    const auto name = ToName(fields.subspan(1, 3));
    const auto series = ToIndex(fields[4], kSeriesOfContainer, SeriesWord);
    const auto amount = ToCount(fields[5]);
    if (!id || !name || !series || !amount || counters_.held_.Find(*id) != nullptr) return false;
    counters_.Hold(
        {.id = *id, .name = *name, .series = *series, .amount = *amount, .since_ns = now_ns_});
    return true;
  }

  bool Warnings(Fields fields) {
    const auto count = ToCount(fields[1]);
    return count && counters_.warnings_.Restore(fields[0], *count);
  }

  bool Ended(Fields fields) { return Add(fields[0], counters_.warnings_.ended()); }
  bool Seen(Fields fields) { return Add(fields[0], counters_.seen_events_); }
  bool SeenIncident(Fields fields) { return Add(fields[0], counters_.seen_incidents_); }

  template <size_t kSize>
  static bool Restore(std::optional<size_t> index, std::string_view text,
                      std::array<uint64_t, kSize>& counts) {
    const auto count = ToCount(text);
    if (!index || !count) return false;
    counts[*index] = *count;
    return true;
  }

  static bool Add(std::string_view text, RecentIds& ids) {
    const auto id = ToId(text);
    return id && ids.Add(*id);
  }

  Counters& counters_;
  const uint64_t now_ns_;
};

absl::Status Counters::Restore(std::string_view saved, uint64_t now_ns) {
  ASSIGN_OR_RETURN(std::string_view lines, Lines(saved));
  Reader reader(*this, now_ns);
  for (size_t number = 2; !lines.empty(); ++number) {
    const size_t end = lines.find('\n');
    if (end == std::string_view::npos || !reader.Read(lines.substr(0, end))) {
      return Damaged(base::StrCat("line ", number, " makes no sense"));
    }
    lines.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

}  // namespace oomtrail::publish
