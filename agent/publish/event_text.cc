#include "agent/publish/event_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/base/time_format.h"

namespace oomtrail::publish {
namespace {

using base::Printable;
using model::Event;

constexpr int kMilliDigits = 3;

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string_view Verb(const Event& event) {
  switch (event.kind) {
    case model::Kind::kOomKill: return event.revision == 0 ? "OOM-KILL" : "OOM-KILL-NAMED";
    case model::Kind::kOomWithoutKill:
      return event.revision == 0 ? "OOM-NO-KILL" : "OOM-NO-KILL-NAMED";
    case model::Kind::kLost: return "LOST";
    case model::Kind::kEarlyWarning:
      if (event.warning && event.warning->outcome) return "EARLY-WARNING-END";
      return event.revision == 0 ? "EARLY-WARNING" : "EARLY-WARNING-NAMED";
  }
  return "";
}

// "<namespace>/<pod> <container>", or what is known of it.
std::string Whose(const Event& event) {
  const model::CgroupIdentity& identity = event.identity;
  if (event.attribution.status == model::AttributionStatus::kUnknown) return "unknown -";
  if (identity.level == model::Level::kHost) {
    const std::string& unit = identity.unit.empty() ? event.cgroup_path : identity.unit;
    return base::StrCat("host/", Word(unit), " -");
  }
  std::string pod = "-";
  if (event.pod && !event.pod->name.empty()) {
    pod = base::StrCat(Word(event.pod->ns), "/", Word(event.pod->name));
  } else if (identity.pod_uid) {
    pod = base::StrCat("pod:", identity.pod_uid->str());
  }
  std::string container = "-";
  if (event.container && !event.container->name.empty()) {
    container = Word(event.container->name);
  } else if (identity.container_id) {
    container = base::StrCat("container:", identity.container_id->Short());
  }
  return base::StrCat(pod, " ", container);
}

std::string Process(std::string_view comm, uint32_t pid) {
  return base::StrCat(comm.empty() ? "?" : Word(comm), "[", pid, "]");
}

void AppendBytes(std::string& line, std::string_view name, const std::optional<uint64_t>& bytes) {
  if (bytes) base::StrAppend(&line, " ", name, "=", FormatBytes(*bytes));
}

void AppendVictim(std::string& line, const Event& event) {
  if (!event.victim) return;
  base::StrAppend(&line, " ", Process(event.victim->comm, event.victim->pid));
  const model::ProcessMemory& memory = event.victim->memory;
  if (memory.anon_rss_bytes && memory.file_rss_bytes && memory.shmem_rss_bytes) {
    AppendBytes(line, "rss",
                *memory.anon_rss_bytes + *memory.file_rss_bytes + *memory.shmem_rss_bytes);
  }
}

void AppendScope(std::string& line, const Event& event) {
  if (!event.scope) return;
  base::StrAppend(&line, " scope=", Name(*event.scope), event.scope_inferred ? "(inferred)" : "");
}

void AppendTrend(std::string& line, const Event& event) {
  if (!event.warning) return;
  const model::Trend& trend = event.warning->trend;
  if (trend.seconds_to_limit) {
    base::StrAppend(&line, " in=", FormatSeconds(*trend.seconds_to_limit));
  }
  base::StrAppend(&line, " growth=", FormatRate(trend.growth_bytes_per_second),
                  " workingset=", FormatBytes(event.warning->working_set_bytes));
}

void AppendReason(std::string& line, const Event& event) {
  if (!event.warning) return;
  const model::Warning& warning = *event.warning;
  absl::StrAppendFormat(&line, " confidence=%.2f", warning.trend.confidence);
  if (warning.stalled_share) absl::StrAppendFormat(&line, " stalled=%.2f", *warning.stalled_share);
  base::StrAppend(&line, " reason=", Name(warning.reason));
  if (warning.outcome) base::StrAppend(&line, " outcome=", Name(*warning.outcome));
  if (warning.outcome_seconds) {
    base::StrAppend(&line, " after=", FormatSeconds(*warning.outcome_seconds));
  }
}

// Last, so that a line without it reads as before.
void AppendWarned(std::string& line, const Event& event) {
  if (!event.warned) return;
  if (!event.warned->warned) {
    line += " warned=no";
  } else if (event.warned->seconds_before) {
    base::StrAppend(&line, " warned=", FormatSeconds(*event.warned->seconds_before));
  } else {
    line += " warned=yes";
  }
}

void AppendLimit(std::string& line, const Event& event) {
  if (!event.limit) return;
  AppendBytes(line, "limit", event.limit->bytes);
  AppendBytes(line, "usage", event.limit->usage_bytes);
  // Of the container's own limit the names say enough.
  if (event.scope != model::Scope::kContainer && !event.limit->path.empty()) {
    base::StrAppend(&line, " limit_owner=", Word(event.limit->path));
  }
}

}  // namespace

std::string Word(std::string_view name) {
  std::string word = Printable(name);
  ReplaceAll(word, "\\x20", "\\x5cx20");
  ReplaceAll(word, " ", "\\x20");
  return word;
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return base::StrCat(bytes, "B");
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  // What would round to 1024.0 is 1.0 of the next unit.
  while (value >= 1023.95 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f%s", value, kUnits[unit]);
}

std::string FormatRate(double bytes_per_second) {
  constexpr double kMost = 0x1p63;  // what uint64_t holds with room to spare
  if (!std::isfinite(bytes_per_second)) return "?";
  const auto whole = static_cast<uint64_t>(std::min(std::round(std::abs(bytes_per_second)), kMost));
  return base::StrCat(bytes_per_second < 0 && whole != 0 ? "-" : "", FormatBytes(whole), "/s");
}

std::string FormatSeconds(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  constexpr double kWholeFrom = 9.95;
  const int decimals = std::abs(seconds) < kWholeFrom ? 1 : 0;
  return absl::StrFormat("%.*fs", decimals, seconds);
}

std::string ToText(const Event& event) {
  std::string line = base::StrCat(base::FormatUtc(event.wall_ns, kMilliDigits), " ", Verb(event));
  if (event.loss) {
    base::StrAppend(&line, " ", event.loss->count, " at ", Word(event.loss->stage));
    return line;
  }
  base::StrAppend(&line, " ", Whose(event));
  AppendVictim(line, event);
  // An ordinary container is what everybody expects.
  if (event.container &&
      event.container->kind.value_or(model::ContainerKind::kApp) != model::ContainerKind::kApp) {
    base::StrAppend(&line, " container_kind=", Name(*event.container->kind));
  }
  AppendScope(line, event);
  AppendTrend(line, event);
  AppendLimit(line, event);
  AppendReason(line, event);
  if (event.group_kill.value_or(false)) base::StrAppend(&line, " group_kill");
  if (event.trigger) {
    base::StrAppend(&line, " trigger=", Process(event.trigger->comm, event.trigger->pid));
    if (!event.trigger_path.empty() && event.trigger_path != event.cgroup_path) {
      base::StrAppend(&line, " trigger_cgroup=", Word(event.trigger_path));
    }
  }
  if (event.pod && event.pod->workload && !event.pod->workload->name.empty()) {
    base::StrAppend(&line, " workload=", Word(event.pod->workload->kind), "/",
                    Word(event.pod->workload->name));
  }
  if (event.suppressed != 0) base::StrAppend(&line, " suppressed=", event.suppressed);
  if (event.attribution.status == model::AttributionStatus::kPartial ||
      event.attribution.status == model::AttributionStatus::kUnknown) {
    base::StrAppend(&line, " attribution=", Name(event.attribution.status));
    if (!event.cgroup_path.empty()) base::StrAppend(&line, " cgroup=", Word(event.cgroup_path));
  }
  AppendWarned(line, event);
  return line;
}

}  // namespace oomtrail::publish
