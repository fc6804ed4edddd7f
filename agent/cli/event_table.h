// Events as rows under one header, fitted to a terminal. Each row stands alone: nothing is buffered
// to find out how wide a column will be. Owned and called by one thread.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/display_width.h"
#include "agent/model/event.h"

namespace oomtrail::cli {

class EventTable {
 public:
  // The columns are shared out once: a terminal that is resized keeps its columns aligned.
  EventTable(int terminal_columns, bool color);

  // Without newlines. A "+" after the time marks an amendment; LOST takes the row.
  std::string Header() const;
  std::string Row(const model::Event& event) const;

 private:
  enum class Field {
    kTime,
    kNamespace,
    kPod,
    kContainer,
    kProcess,
    kRss,
    kScope,
    kLimit,
    kUsage,
    kWorkload
  };
  struct Column {
    Field field;
    const char* title;
    int width;
    int most;  // what it may grow to
    Align align = Align::kLeft;
  };

  std::string Cell(const Column& column, const model::Event& event) const;
  std::string Time(const model::Event& event) const;
  std::string Join(const std::vector<std::string>& cells, bool foreseen) const;

  const int terminal_columns_;
  const bool color_;
  const bool roomy_;
  std::vector<Column> columns_;
};

}  // namespace oomtrail::cli
