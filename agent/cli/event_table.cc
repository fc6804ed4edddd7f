#include "agent/cli/event_table.h"

#include <algorithm>

#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/base/time_format.h"
#include "agent/cli/color.h"
#include "agent/publish/event_text.h"

namespace oomtrail::cli {
namespace {

using base::Printable;
using model::Event;

// From so many columns on there is room for more than the essentials.
constexpr int kRoomForUsage = 100;
constexpr int kRoomForYear = 120;
constexpr int kRoomForWorkload = 140;

constexpr const char* kNothing = "-";

std::string OrNothing(std::string text) { return text.empty() ? kNothing : std::move(text); }

// "498.2M": in a column of sizes, the unit's first letter says it.
std::string Size(const std::optional<uint64_t>& bytes) {
  if (!bytes) return kNothing;
  const std::string text = publish::FormatBytes(*bytes);
  return std::string(base::StripSuffix(text, "iB"));
}

std::string Namespace(const Event& event) {
  return event.pod ? OrNothing(Printable(event.pod->ns)) : kNothing;
}

std::string Pod(const Event& event) {
  const model::CgroupIdentity& identity = event.identity;
  if (event.pod && !event.pod->name.empty()) return Printable(event.pod->name);
  if (event.attribution.status == model::AttributionStatus::kUnknown) return "unknown";
  if (identity.level == model::Level::kHost) {
    const std::string& unit = identity.unit.empty() ? event.cgroup_path : identity.unit;
    return base::StrCat("host/", Printable(base::StripPrefix(unit, "/")));
  }
  return identity.pod_uid ? base::StrCat("pod:", identity.pod_uid->str()) : kNothing;
}

std::string Container(const Event& event) {
  if (event.container && !event.container->name.empty()) return Printable(event.container->name);
  return event.identity.container_id ? std::string(event.identity.container_id->Short()) : kNothing;
}

// Where the process would stand: in how long there may be one, or what came of it.
std::string Foreseen(const model::Warning& warning) {
  if (warning.outcome) return base::StrCat("(", Name(*warning.outcome), ")");
  if (!warning.trend.seconds_to_limit) return "(warning)";
  return base::StrCat("(in ", publish::FormatSeconds(*warning.trend.seconds_to_limit), ")");
}

std::string Process(const Event& event) {
  if (event.warning) return Foreseen(*event.warning);
  if (!event.victim) return "(no kill)";
  return base::StrCat(event.victim->comm.empty() ? "?" : Printable(event.victim->comm), "[",
                      event.victim->pid, "]");
}

std::string Rss(const Event& event) {
  if (!event.victim) return kNothing;
  const model::ProcessMemory& memory = event.victim->memory;
  if (!memory.anon_rss_bytes || !memory.file_rss_bytes || !memory.shmem_rss_bytes) return kNothing;
  return Size(*memory.anon_rss_bytes + *memory.file_rss_bytes + *memory.shmem_rss_bytes);
}

std::string Scope(const Event& event) {
  if (!event.scope) return kNothing;
  return base::StrCat(Name(*event.scope), event.scope_inferred ? "~" : "");
}

std::string Workload(const Event& event) {
  if (!event.pod || !event.pod->workload || event.pod->workload->name.empty()) return kNothing;
  return base::StrCat(Printable(event.pod->workload->kind), "/",
                      Printable(event.pod->workload->name));
}

}  // namespace

EventTable::EventTable(int terminal_columns, bool color)
    : terminal_columns_(terminal_columns), color_(color), roomy_(terminal_columns >= kRoomForYear) {
  columns_ = {{Field::kTime, "TIME", roomy_ ? 20 : 15, 0},
              {Field::kNamespace, "NAMESPACE", 8, 24},
              {Field::kPod, "POD", 11, 56},
              {Field::kContainer, "CONTAINER", 6, 32},
              {Field::kProcess, "PROCESS", 10, 25},
              {Field::kRss, "RSS", 7, 0, Align::kRight},
              {Field::kScope, "SCOPE", 9, 10},
              {Field::kLimit, "LIMIT", 7, 0, Align::kRight}};
  if (terminal_columns >= kRoomForUsage) {
    columns_.push_back({Field::kUsage, "USAGE", 7, 0, Align::kRight});
  }
  if (terminal_columns >= kRoomForWorkload) {
    columns_.push_back({Field::kWorkload, "WORKLOAD", 14, 48});
  }
  int left = terminal_columns - static_cast<int>(columns_.size()) + 1;
  for (const Column& column : columns_) left -= column.width;
  // Pods have the longest names, and need twice what others do.
  for (bool grown = true; grown;) {
    grown = false;
    for (Column& column : columns_) {
      const int step =
          std::min({column.most - column.width, left, column.field == Field::kPod ? 2 : 1});
      if (step <= 0) continue;
      column.width += step;
      left -= step;
      grown = true;
    }
  }
}

std::string EventTable::Time(const Event& event) const {
  // Without the zone: the header names it.
  std::string time = base::FormatUtc(event.wall_ns, 3).substr(0, 19);
  time[10] = ' ';
  return base::StrCat(roomy_ ? time : time.substr(5), event.revision == 0 ? "" : "+");
}

std::string EventTable::Cell(const Column& column, const Event& event) const {
  const auto limit = event.limit ? event.limit->bytes : std::nullopt;
  const auto usage = event.limit ? event.limit->usage_bytes : std::nullopt;
  switch (column.field) {
    case Field::kTime: return Time(event);
    case Field::kNamespace: return Namespace(event);
    case Field::kPod: return Pod(event);
    case Field::kContainer: return Container(event);
    case Field::kProcess: return Process(event);
    case Field::kRss: return Rss(event);
    case Field::kScope: return Scope(event);
    case Field::kLimit: return Size(limit);
    case Field::kUsage: return Size(usage);
    case Field::kWorkload: return Workload(event);
  }
  return kNothing;
}

// A terminal too narrow for the least that the columns need gets lines that are cut.
std::string EventTable::Join(const std::vector<std::string>& cells, bool foreseen) const {
  std::string line;
  int used = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    const Column& column = columns_[i];
    const int room = terminal_columns_ - used - (i == 0 ? 0 : 1);
    if (room <= 0) break;
    const int width = std::min(column.width, room);
    std::string cell = Fit(cells[i], width, column.align);
    if (i + 1 == cells.size()) cell.resize(cell.find_last_not_of(' ') + 1);
    if (i != 0) line += ' ';
    if (column.field == Field::kTime) {
      line += Paint(kFaint, cell, color_);
    } else if (column.field == Field::kPod) {
      line += Paint(kStrong, cell, color_);
    } else if (column.field == Field::kProcess && foreseen) {
      line += Paint(kTrouble, cell, color_);
    } else {
      line += cell;
    }
    used += width + (i == 0 ? 0 : 1);
  }
  return line;
}

std::string EventTable::Header() const {
  std::string line;
  for (const Column& column : columns_) {
    const std::string title =
        column.field == Field::kTime ? base::StrCat(column.title, " (UTC)") : column.title;
    if (!line.empty()) line += ' ';
    line += Fit(title, column.width, column.align);
  }
  line = Fit(line, terminal_columns_);
  line.resize(line.find_last_not_of(' ') + 1);
  return Paint(kStrong, line, color_);
}

std::string EventTable::Row(const Event& event) const {
  if (event.loss) {
    const std::string lost =
        base::StrCat("LOST ", event.loss->count, " at ", publish::Word(event.loss->stage));
    const int time_columns = std::min(columns_[0].width, terminal_columns_);
    std::string time = Paint(kFaint, Fit(Time(event), time_columns), color_);
    const int room = terminal_columns_ - time_columns - 1;
    if (room <= 0) return time;
    std::string text = Fit(lost, room);
    text.resize(text.find_last_not_of(' ') + 1);
    return base::StrCat(time, " ", Paint(kTrouble, text, color_));
  }
  std::vector<std::string> cells;
  cells.reserve(columns_.size());
  for (const Column& column : columns_) cells.push_back(Cell(column, event));
  return Join(cells, event.warning && !event.warning->outcome);
}

}  // namespace oomtrail::cli
