// Standard output of a client command: a terminal, a file, or a pipe whose reader may stop reading
// or leave. Owned and called by one thread. SIGPIPE must be ignored.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/cli/options.h"

namespace oomtrail::cli {

class Output {
 public:
  // `stop_fd` becomes readable when the user has had enough: a write that waits then ends.
  Output(int fd, int stop_fd) : fd_(fd), stop_fd_(stop_fd) {}

  // Whether it can be written to at all.
  absl::Status Check() const;

  // Gathers lines until Flush(), or until there are many.
  absl::Status Write(std::string_view lines);
  // CANCELLED: the user, or the reader, has had enough; nothing to complain of.
  absl::Status Flush();

 private:
  const int fd_;
  const int stop_fd_;
  std::string pending_;
};

// Whether to colour what goes to `fd`. auto: a terminal, and neither NO_COLOR nor TERM=dumb.
bool WantsColor(ColorWhen when, int fd);

// The terminal's width; else $COLUMNS; else 80.
int TerminalColumns(int fd);

}  // namespace oomtrail::cli
