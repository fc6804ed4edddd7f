// Events as lines for a terminal or a program. Owned and called by one thread.
#pragma once

#include <optional>
#include <string>

#include "agent/cli/event_table.h"
#include "agent/cli/options.h"
#include "agent/model/event.h"

namespace oomtrail::cli {

class EventPrinter {
 public:
  // JSON is never coloured; `terminal_columns` is the table's.
  EventPrinter(OutputFormat format, bool color, int terminal_columns);

  // One line with its newline; before the first row of a table, its header.
  std::string Print(const model::Event& event);

 private:
  std::string Text(const model::Event& event) const;

  const OutputFormat format_;
  const bool color_;
  std::optional<EventTable> table_;
  bool header_shown_ = false;
};

}  // namespace oomtrail::cli
