#include "agent/cli/event_printer.h"

#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/strings.h"
#include "agent/cli/color.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"

namespace oomtrail::cli {
namespace {

using model::Event;

bool SaysCgroup(const Event& event) {
  return event.attribution.status == model::AttributionStatus::kPartial ||
         event.attribution.status == model::AttributionStatus::kUnknown;
}

// What the compact line leaves out, in its form.
std::string Rest(const Event& event) {
  std::string rest;
  if (!event.node.empty()) base::StrAppend(&rest, " node=", publish::Word(event.node));
  base::StrAppend(&rest, " id=", publish::Word(event.id));
  if (!event.cgroup_path.empty() && !SaysCgroup(event)) {
    base::StrAppend(&rest, " cgroup=", publish::Word(event.cgroup_path));
  }
  if (!event.attribution.missing.empty()) {
    base::StrAppend(&rest,
                    " missing=", publish::Word(base::StrJoin(event.attribution.missing, ",")));
  }
  return rest;
}

std::string_view ColorOf(const Event& event) {
  if (event.kind == model::Kind::kLost) return kTrouble;
  if (event.revision != 0) return kNamed;
  return event.kind == model::Kind::kOomKill ? kKill : kTrouble;
}

// Every name is one word, so the line's words are ours to tell apart: time, verb, whose, ….
std::string Painted(std::string_view line, const Event& event) {
  std::string out;
  size_t place = 0;
  for (const std::string_view word : base::StrSplit(line, ' ')) {
    if (place != 0) out += ' ';
    if (place == 0) {
      out += Paint(kFaint, word, true);
    } else if (place == 1) {
      out += Paint(ColorOf(event), word, true);
    } else if (place == 2 && !event.loss) {
      out += Paint(kStrong, word, true);
    } else if (word.starts_with("attribution=")) {
      out += Paint(kTrouble, word, true);
    } else {
      out += word;
    }
    ++place;
  }
  return out;
}

}  // namespace

EventPrinter::EventPrinter(OutputFormat format, bool color, int terminal_columns)
    : format_(format), color_(color && format != OutputFormat::kJson) {
  if (format == OutputFormat::kTable) table_.emplace(terminal_columns, color_);
}

std::string EventPrinter::Text(const Event& event) const {
  std::string line = publish::ToText(event);
  if (format_ == OutputFormat::kWide) line += Rest(event);
  return color_ ? Painted(line, event) : line;
}

std::string EventPrinter::Print(const Event& event) {
  if (format_ == OutputFormat::kJson) return publish::ToJson(event) + '\n';
  if (!table_) return Text(event) + '\n';
  const std::string header =
      std::exchange(header_shown_, true) ? "" : base::StrCat(table_->Header(), "\n");
  return base::StrCat(header, table_->Row(event), "\n");
}

}  // namespace oomtrail::cli
