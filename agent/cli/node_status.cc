#include "agent/cli/node_status.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/base/time_format.h"
#include "agent/cli/color.h"
#include "agent/cli/display_width.h"
#include "agent/cli/tracking_json.h"
#include "agent/model/kernel_record.h"
#include "agent/publish/event_proto.h"
#include "agent/publish/event_text.h"

namespace oomtrail::cli {
namespace {

using base::Printable;
using google::protobuf::Timestamp;
using Json = nlohmann::ordered_json;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;
constexpr int kNameColumns = 13;
constexpr int kHookColumns = 11;

std::optional<int64_t> WallNanos(const Timestamp& time) {
  if (time.seconds() <= 0 || time.seconds() > kMaxSeconds || time.nanos() < 0 ||
      time.nanos() >= kNanosPerSecond) {
    return std::nullopt;
  }
  return time.seconds() * kNanosPerSecond + time.nanos();
}

std::string Utc(int64_t wall_ns) { return base::FormatUtc(wall_ns, 3); }

// "3d 4h", "5m 12s": the two largest units.
std::string Age(int64_t nanos) {
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  static constexpr Unit kUnits[] = {{86'400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  int64_t left = std::max<int64_t>(nanos, 0) / kNanosPerSecond;
  std::string text;
  int shown = 0;
  for (const Unit& unit : kUnits) {
    const int64_t number = left / unit.seconds;
    if (number == 0 && shown == 0 && unit.seconds != 1) continue;
    if (shown++ == 2) break;
    if (number == 0 && shown == 2) break;
    base::StrAppend(&text, text.empty() ? "" : " ", number, unit.name);
    left %= unit.seconds;
  }
  return text;
}

std::string MethodName(v1::Method method) {
  // The wire's methods are the model's in the same order, one up (event_proto.cc asserts it).
  if (method < v1::METHOD_FENTRY || method > v1::METHOD_KMSG) return "";
  return std::string(Name(static_cast<model::HookMethod>(method - 1)));
}

uint64_t Sum(const google::protobuf::Map<std::string, uint64_t>& counts) {
  uint64_t sum = 0;
  for (const auto& [reason, count] : counts) sum += count;
  return sum;
}

// Writes the lines; a section's are indented below its name.
class Page {
 public:
  explicit Page(bool color) : color_(color) {}

  void Section(std::string_view name) {
    base::StrAppend(&text_, "\n", Paint(kStrong, name, color_), "\n");
  }
  void Line(std::string_view name, std::string_view value, int columns = kNameColumns) {
    base::StrAppend(&text_, "  ", Cell(name, columns), value, "\n");
  }
  void Trouble(std::string_view name, std::string_view value, int columns = kNameColumns) {
    base::StrAppend(&text_, Paint(kTrouble, "!", color_), " ", Cell(name, columns),
                    Paint(kTrouble, value, color_), "\n");
  }
  void LineOr(bool trouble, std::string_view name, std::string_view value,
              int columns = kNameColumns) {
    trouble ? Trouble(name, value, columns) : Line(name, value, columns);
  }
  std::string Take() { return std::move(text_); }

 private:
  // A name longer than its column pushes its value, and is not cut.
  static std::string Cell(std::string_view name, int columns) {
    return DisplayWidth(name) < columns ? Fit(name, columns) : base::StrCat(name, "  ");
  }

  const bool color_;
  std::string text_;
};

void AddAgent(const v1::GetNodeStatusResponse& status, int64_t now_wall_ns, Page& page) {
  page.Line("node", Printable(status.node()));
  std::string agent = base::StrCat("oomtrail ", Printable(status.version()));
  if (const auto started = WallNanos(status.start_time())) {
    base::StrAppend(&agent, ", up ", Age(now_wall_ns - *started), ", since ", Utc(*started));
  }
  page.Line("agent", agent);
  page.Line("kernel",
            base::StrCat(Printable(status.kernel()), ", cgroup v", status.cgroup_version()));
  page.Line("events", base::StrCat(status.events(), " told since the agent started"));
  page.Line("subscribers", base::StrCat(status.subscribers()));
}

void AddHooks(const v1::GetNodeStatusResponse& status, Page& page) {
  page.Section("hooks");
  if (status.hooks().empty()) page.Trouble("none", "no kill is seen");
  for (const v1::HookStatus& hook : status.hooks()) {
    const std::string method = MethodName(hook.method());
    const std::string name = Printable(hook.hook());
    if (method.empty()) {
      page.Trouble(name, "none: no method works (oomtrail doctor says why)", kHookColumns);
    } else {
      page.Line(name, base::StrCat(method, hook.pinned() ? ", pinned" : ""), kHookColumns);
    }
    for (const std::string& refusal : hook.refusals()) {
      page.Line("", base::StrCat("refused ", Printable(refusal)), kHookColumns);
    }
  }
}

void AddNames(const v1::GetNodeStatusResponse& status, int64_t now_wall_ns, Page& page) {
  page.Section("names of pods and containers");
  if (status.name_sources().empty()) {
    page.Trouble("none", "nobody is asked: events carry pod uid and container id only",
                 kHookColumns);
  }
  for (const v1::NameSourceStatus& source : status.name_sources()) {
    std::string line = Printable(source.where());
    if (source.answers()) {
      base::StrAppend(&line, "  answers, ", source.containers(), " containers");
    } else {
      base::StrAppend(&line, "  does not answer");
      if (!source.error().empty()) base::StrAppend(&line, ": ", Printable(source.error()));
    }
    const auto last = source.has_last_success() ? WallNanos(source.last_success()) : std::nullopt;
    if (last) {
      base::StrAppend(&line, source.answers() ? ", " : "; last did ", Age(now_wall_ns - *last),
                      " ago");
    }
    page.LineOr(!source.answers(), Printable(source.name()), line, kHookColumns);
  }
  page.Line("known", base::StrCat(status.containers(), " containers"), kHookColumns);
}

void AddJournal(const v1::JournalStatus& journal, Page& page) {
  page.Section("journal");
  page.Line("where", journal.directory().empty() ? "in memory: it ends with the agent"
                                                 : Printable(journal.directory()));
  page.Line("holds",
            base::StrCat(journal.events(), " events, ", publish::FormatBytes(journal.bytes())));
  if (!journal.oldest_cursor().empty()) page.Line("oldest", Printable(journal.oldest_cursor()));
  if (!journal.newest_cursor().empty()) page.Line("newest", Printable(journal.newest_cursor()));
  if (!journal.error().empty()) page.Trouble("not written", Printable(journal.error()));
  if (journal.unwritten() != 0) {
    page.LineOr(!journal.error().empty(), "waiting",
                base::StrCat(journal.unwritten(), " events told but not yet written"));
  }
}

void AddLosses(const v1::GetNodeStatusResponse& status, Page& page) {
  page.Section("lost since the agent started");
  bool any = false;
  for (const v1::Loss& loss : status.losses()) {
    if (loss.count() == 0) continue;
    page.Trouble(base::StrCat(loss.count()), Printable(loss.stage()));
    any = true;
  }
  if (!any) page.Line("0", "nothing");
  page.Section("kills without names");
  // Sorted: a map of protobuf has another order each time.
  const std::map<std::string, uint64_t> reasons(status.unattributed().begin(),
                                                status.unattributed().end());
  for (const auto& [reason, count] : reasons) {
    if (count != 0) page.Trouble(base::StrCat(count), Printable(reason));
  }
  if (Sum(status.unattributed()) == 0) page.Line("0", "every kill in a pod was named");
}

void AddLookout(const v1::GetNodeStatusResponse& status, Page& page) {
  page.Section("warnings before a kill");
  if (!status.has_lookout()) {
    page.Line("off", "nobody looks out (--warn off)");
  } else {
    const v1::LookoutStatus& lookout = status.lookout();
    page.Line("reader",
              base::StrCat(Printable(lookout.reader()), ", ", lookout.watched(), " cgroups in ",
                           absl::StrFormat("%.1f", lookout.last_pass_seconds() * 1000), " ms"));
    if (!lookout.reader_reason().empty()) {
      page.Line("", base::StrCat("not a better one: ", Printable(lookout.reader_reason())));
    }
    page.Line("pressure", lookout.pressure() ? "told by the kernel (PSI)"
                                             : "not told by this kernel: level and growth only");
    page.Line("standing", base::StrCat(lookout.standing_warnings(), " warnings"));
    if (lookout.left_out() != 0) {
      page.Trouble("not watched", base::StrCat(lookout.left_out(), " cgroups: too many"));
    }
    if (lookout.lost() != 0) page.Trouble("lost", base::StrCat(lookout.lost(), " warnings"));
  }
  const v1::TrackingStatus& tracking = status.tracking();
  std::string line = TrackingModeName(tracking.mode());
  if (tracking.mode() > v1::TRACKING_MODE_OFF) {
    base::StrAppend(&line, ", 1 in ", tracking.one_in(), ", ",
                    absl::StrFormat("%.0f", tracking.events_per_second()), " events a second");
  }
  if (const auto until = WallNanos(tracking.until())) {
    base::StrAppend(&line, ", for a client until ", Utc(*until));
  }
  page.Line("allocations", line);
  if (!tracking.error().empty()) page.Trouble("", Printable(tracking.error()));
}

void SetText(Json& out, const char* name, const std::string& value) {
  if (!value.empty()) out[name] = Printable(value);
}

void SetTime(Json& out, const char* name, const Timestamp& time) {
  if (const auto wall_ns = WallNanos(time)) out[name] = base::FormatUtc(*wall_ns, 9);
}

Json Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(Printable(text));
  return out;
}

Json HookJson(const v1::HookStatus& hook) {
  Json out;
  out["hook"] = Printable(hook.hook());
  SetText(out, "method", MethodName(hook.method()));
  out["pinned"] = hook.pinned();
  out["refusals"] = Texts(hook.refusals());
  return out;
}

Json SourceJson(const v1::NameSourceStatus& source) {
  Json out;
  out["name"] = Printable(source.name());
  out["where"] = Printable(source.where());
  out["answers"] = source.answers();
  SetText(out, "error", source.error());
  SetTime(out, "last_success", source.last_success());
  out["containers"] = source.containers();
  return out;
}

Json LookoutJson(const v1::LookoutStatus& lookout) {
  Json out;
  SetText(out, "reader", lookout.reader());
  SetText(out, "reader_reason", lookout.reader_reason());
  out["pressure"] = lookout.pressure();
  out["watched"] = lookout.watched();
  out["left_out"] = lookout.left_out();
  out["standing_warnings"] = lookout.standing_warnings();
  out["last_pass_seconds"] = lookout.last_pass_seconds();
  out["lost"] = lookout.lost();
  return out;
}

Json JournalJson(const v1::JournalStatus& journal) {
  Json out;
  SetText(out, "directory", journal.directory());
  out["events"] = journal.events();
  out["bytes"] = journal.bytes();
  SetText(out, "oldest_cursor", journal.oldest_cursor());
  SetText(out, "newest_cursor", journal.newest_cursor());
  SetText(out, "error", journal.error());
  out["unwritten"] = journal.unwritten();
  return out;
}

}  // namespace

std::string NodeStatusText(const v1::GetNodeStatusResponse& status, int64_t now_wall_ns,
                           bool color) {
  Page page(color);
  AddAgent(status, now_wall_ns, page);
  AddHooks(status, page);
  AddNames(status, now_wall_ns, page);
  AddJournal(status.journal(), page);
  AddLookout(status, page);
  AddLosses(status, page);
  return page.Take();
}

std::string NodeStatusJson(const v1::GetNodeStatusResponse& status) {
  Json out;
  out["schema"] = "oomtrail.v1.node_status";
  SetText(out, "node", status.node());
  SetText(out, "version", status.version());
  SetText(out, "kernel", status.kernel());
  if (status.cgroup_version() != 0) out["cgroup_version"] = status.cgroup_version();
  SetTime(out, "start_time", status.start_time());
  out["hooks"] = Json::array();
  for (const auto& hook : status.hooks()) out["hooks"].push_back(HookJson(hook));
  out["name_sources"] = Json::array();
  for (const auto& source : status.name_sources())
    out["name_sources"].push_back(SourceJson(source));
  out["containers"] = status.containers();
  out["journal"] = JournalJson(status.journal());
  out["subscribers"] = status.subscribers();
  out["losses"] = Json::array();
  for (const auto& loss : status.losses()) {
    out["losses"].push_back({{"stage", Printable(loss.stage())}, {"count", loss.count()}});
  }
  if (status.has_lookout()) out["lookout"] = LookoutJson(status.lookout());
  out["tracking"] = TrackingJson(status.tracking());
  out["events"] = status.events();
  out["unattributed"] = Json::object();
  std::map<std::string, uint64_t> reasons(status.unattributed().begin(),
                                          status.unattributed().end());
  for (const auto& [reason, count] : reasons) out["unattributed"][Printable(reason)] = count;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace oomtrail::cli
