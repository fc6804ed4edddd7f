#include "agent/cli/usage_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/base/time_format.h"
#include "agent/cli/color.h"
#include "agent/cli/display_width.h"
#include "agent/cli/usage_rates.h"
#include "agent/publish/event_text.h"

namespace oomtrail::cli {
namespace {

using base::Printable;

constexpr const char* kNothing = "-";
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int kHalfMinute = 30;  // nearer than this is red
// Lines that are no row: the heading, a blank one, the titles.
constexpr int kLinesAround = 3;
constexpr int kRoomForBoth = 100;   // columns
constexpr int kMostProcesses = 10;  // on a terminal, beside containers

struct Column {
  const char* title;
  int width;
  Align align = Align::kLeft;
};

// "498.2M": in a column of sizes, the unit's first letter says it.
std::string Size(uint64_t bytes) {
  const std::string text = publish::FormatBytes(bytes);
  return std::string(base::StripSuffix(text, "iB"));
}

std::string Rate(double bytes_per_second) {
  std::string text = publish::FormatRate(bytes_per_second);
  const size_t unit = text.find("iB/s");
  return unit == std::string::npos ? text : text.erase(unit, 2);
}

// "42s", "5m12s", "3h20m", "9d": what people compare.
std::string Away(double seconds) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  constexpr double kMost = 1e9;
  if (!(seconds >= 0 && seconds < kMost)) return kNothing;
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < kMinute) return base::StrCat(whole, "s");
  if (whole < kHour) return base::StrCat(whole / kMinute, "m", whole % kMinute, "s");
  if (whole < kDay) return base::StrCat(whole / kHour, "h", whole % kHour / kMinute, "m");
  return base::StrCat(whole / kDay, "d");
}

double SecondsToLimit(const v1::Usage& usage) {
  const double seconds = usage.has_seconds_to_limit() ? usage.seconds_to_limit() : kNever;
  return std::isnan(seconds) ? kNever : seconds;
}

// The node's memory is nobody's limit, and has no path.
bool OwnLimit(const v1::Usage& usage) {
  return usage.limit().path().empty() || usage.limit().path() == usage.cgroup().path();
}

// Of its own limit what cannot be reclaimed; of one above, all that is used of it.
std::string Percent(const v1::Usage& usage) {
  const v1::Limit& limit = usage.limit();
  if (!limit.has_bytes() || limit.bytes() == 0) return kNothing;
  const uint64_t used = OwnLimit(usage) ? usage.working_set_bytes() : limit.usage_bytes();
  return absl::StrFormat("%.0f%%",
                         100 * static_cast<double>(used) / static_cast<double>(limit.bytes()));
}

// "namespace/pod", or the cgroup's path, its end.
std::string Whose(const v1::Usage& usage) {
  if (!usage.pod().name().empty()) {
    return base::StrCat(Printable(usage.pod().namespace_()), "/", Printable(usage.pod().name()));
  }
  if (!usage.pod().uid().empty()) return base::StrCat("pod:", Printable(usage.pod().uid()));
  return usage.cgroup().path() == "/" ? "(node)" : Printable(usage.cgroup().path());
}

std::string Container(const v1::Usage& usage) {
  if (!usage.container().name().empty()) return Printable(usage.container().name());
  const std::string id = Printable(usage.container().id()).substr(0, 12);
  return id.empty() ? kNothing : id;
}

std::string RateAndError(const std::optional<KernelRate>& rate) {
  if (!rate) return kNothing;
  std::string text = Rate(rate->bytes_per_second);
  if (rate->bytes_per_second > 0) {
    base::StrAppend(&text, absl::StrFormat(" ±%.0f%%", 100 * rate->error / rate->bytes_per_second));
  }
  return text;
}

// Lines of cells under titles, none wider than the terminal.
class Table {
 public:
  Table(std::vector<Column> columns, const UsageScreen& screen)
      : columns_(std::move(columns)), screen_(screen) {
    int used = static_cast<int>(columns_.size()) - 1;
    for (const Column& column : columns_) used += column.width;
    // What is left, or lacks, is the first column's: names are long.
    constexpr int kLeast = 8;
    constexpr int kMost = 64;
    columns_[0].width = std::clamp(columns_[0].width + screen.columns - used, kLeast, kMost);
  }

  std::string Titles() const {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title);
    return base::StrCat(Paint(kStrong, Join(titles), screen_.color), "\n");
  }
  std::string Row(const std::vector<std::string>& cells, std::string_view color) const {
    const std::string line = Join(cells);
    return base::StrCat(color.empty() ? line : Paint(color, line, screen_.color), "\n");
  }

 private:
  std::string Join(const std::vector<std::string>& cells) const {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      base::StrAppend(&line, i == 0 ? "" : " ",
                      Fit(cells[i], columns_[i].width, columns_[i].align));
    }
    if (DisplayWidth(line) > screen_.columns) line = Fit(line, std::max(screen_.columns, 1));
    line.resize(line.find_last_not_of(' ') + 1);
    return line;
  }

  std::vector<Column> columns_;
  const UsageScreen& screen_;
};

std::vector<const v1::Usage*> Sorted(const v1::ListUsageResponse& now, const UsageRates& rates,
                                     TopOptions::Sort sort) {
  std::vector<const v1::Usage*> usages;
  for (const v1::Usage& usage : now.usages()) usages.push_back(&usage);
  const auto kernel = [&](const v1::Usage& usage) {
    const auto rate = rates.Of(usage);
    return rate ? rate->bytes_per_second : usage.has_kernel() ? 0.0 : -1.0;
  };
  std::ranges::stable_sort(usages, [&](const v1::Usage* a, const v1::Usage* b) {
    switch (sort) {
      case TopOptions::Sort::kUsage: return a->working_set_bytes() > b->working_set_bytes();
      case TopOptions::Sort::kKernel: return kernel(*a) > kernel(*b);
      case TopOptions::Sort::kLimit:
        if (SecondsToLimit(*a) != SecondsToLimit(*b))
          return SecondsToLimit(*a) < SecondsToLimit(*b);
        [[fallthrough]];
      case TopOptions::Sort::kGrowth: break;
    }
    return a->growth_bytes_per_second() > b->growth_bytes_per_second();
  });
  return usages;
}

std::string Heading(const v1::ListUsageResponse& now, const UsageScreen& screen) {
  const auto warned = std::ranges::count_if(now.usages(), &v1::Usage::warned);
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  const int64_t seconds =
      std::clamp<int64_t>(now.time().seconds(), 0, INT64_MAX / kNanosPerSecond - 1);
  // "05:41:07": the time of the day.
  const std::string time = base::FormatUtc(seconds * kNanosPerSecond, 0).substr(11, 8);
  std::string line =
      base::StrCat(time, " UTC  watched ",
                   static_cast<uint64_t>(now.usages_size()) + now.left_out(), ", warned ", warned);
  const v1::TrackingStatus& tracking = now.tracking();
  if (tracking.mode() > v1::TRACKING_MODE_OFF) {
    base::StrAppend(&line, ", following 1 in ", tracking.one_in(), " allocations (",
                    absl::StrFormat("%.0f", tracking.events_per_second()), " a second)");
  } else if (!tracking.error().empty()) {
    base::StrAppend(&line, ", allocations are not followed: ", Printable(tracking.error()));
  }
  line = Fit(line, std::max(screen.columns, 1));
  line.resize(line.find_last_not_of(' ') + 1);
  return base::StrCat(line, "\n");
}

std::string_view ColorOf(const v1::Usage& usage) {
  if (SecondsToLimit(usage) < kHalfMinute) return kKill;
  return usage.warned() ? kTrouble : "";
}

void AddUsages(const std::vector<const v1::Usage*>& usages, const UsageRates& rates, bool tracked,
               const UsageScreen& screen, std::string& text) {
  // Both do not fit a narrow terminal.
  const bool warned = !tracked || screen.columns >= kRoomForBoth;
  std::vector<Column> columns = {{"NAMESPACE/POD", 20},         {"CONTAINER", 10},
                                 {"USAGE", 7, Align::kRight},   {"LIMIT", 8, Align::kRight},
                                 {"%", 4, Align::kRight},       {"GROWTH", 9, Align::kRight},
                                 {"TO-LIMIT", 8, Align::kRight}};
  if (warned) columns.push_back({"WARNED", 6});
  if (tracked) columns.push_back({"KERNEL-RATE", 14, Align::kRight});
  const Table table(std::move(columns), screen);
  text += table.Titles();
  for (const v1::Usage* usage : usages) {
    std::string limit = kNothing;
    if (usage->limit().has_bytes()) {
      limit = base::StrCat(Size(usage->limit().bytes()), OwnLimit(*usage) ? "" : "^");
    }
    std::vector<std::string> cells = {Whose(*usage),
                                      Container(*usage),
                                      Size(usage->working_set_bytes()),
                                      limit,
                                      Percent(*usage),
                                      Rate(usage->growth_bytes_per_second()),
                                      Away(SecondsToLimit(*usage))};
    if (warned) cells.emplace_back(usage->warned() ? "yes" : kNothing);
    if (tracked) cells.push_back(RateAndError(rates.Of(*usage)));
    text += table.Row(cells, ColorOf(*usage));
  }
}

void AddProcesses(const v1::ListUsageResponse& now, const UsageRates& rates, size_t most,
                  const UsageScreen& screen, std::string& text) {
  std::vector<const v1::ProcessUsage*> processes;
  for (const v1::ProcessUsage& process : now.processes()) processes.push_back(&process);
  std::ranges::stable_sort(processes, std::greater<>(), [&](const v1::ProcessUsage* process) {
    const auto rate = rates.Of(*process);
    return rate ? rate->bytes_per_second : -1;
  });
  if (processes.size() > most) processes.resize(most);
  absl::flat_hash_map<uint64_t, std::string> names;
  for (const v1::Usage& usage : now.usages()) {
    names[usage.cgroup().id()] =
        base::StrCat(Whose(usage), usage.container().name().empty()
                                       ? ""
                                       : base::StrCat(" ", Printable(usage.container().name())));
  }
  const Table table({{"PROCESS OF", 20},
                     {"PID", 8, Align::kRight},
                     {"COMM", 16},
                     {"RSS", 7, Align::kRight},
                     {"KERNEL-RATE", 14, Align::kRight}},
                    screen);
  text += "\n";
  text += table.Titles();
  for (const v1::ProcessUsage* process : processes) {
    const auto whose = names.find(process->cgroup_id());
    const bool resident = process->has_anon_rss_bytes() || process->has_file_rss_bytes() ||
                          process->has_shmem_rss_bytes();
    text += table.Row({whose == names.end() ? kNothing : whose->second,
                       base::StrCat(process->pid()), Printable(process->comm()),
                       resident ? Size(process->anon_rss_bytes() + process->file_rss_bytes() +
                                       process->shmem_rss_bytes())
                                : kNothing,
                       RateAndError(rates.Of(*process))},
                      "");
  }
}

}  // namespace

std::string UsageTable(const v1::ListUsageResponse& now,
                       const std::optional<v1::ListUsageResponse>& before,
                       const UsageScreen& screen) {
  const UsageRates rates(now, before);
  const bool tracked = now.tracking().mode() > v1::TRACKING_MODE_OFF;
  std::vector<const v1::Usage*> usages = Sorted(now, rates, screen.sort);
  size_t processes = tracked ? static_cast<size_t>(now.processes_size()) : 0;
  if (screen.rows > 0) {
    processes = std::min<size_t>(processes, kMostProcesses);
    const int around = kLinesAround + (processes == 0 ? 0 : static_cast<int>(processes) + 2);
    const auto room = static_cast<size_t>(std::max(screen.rows - around, 1));
    if (usages.size() > room) usages.resize(room);
  }
  std::string text = base::StrCat(Heading(now, screen), "\n");
  AddUsages(usages, rates, tracked, screen, text);
  if (processes > 0) AddProcesses(now, rates, processes, screen, text);
  return text;
}

}  // namespace oomtrail::cli
