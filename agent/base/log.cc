#include "agent/base/log.h"

#include <poll.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "agent/base/clock.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/base/time_format.h"

namespace oomtrail::base {

void Log::Write(std::string_view level, std::string_view message) const {
  const std::string time = FormatUtc(SystemClock().WallNanos(), 3);
  const std::string safe = Printable(message);
  std::string line;
  if (format_ == LogFormat::kJson) {
    // Printable() left no control characters: only quotes and backslashes need an escape.
    line = base::StrCat(R"({"time":")", time, R"(","level":")", level, R"(","msg":")",
                        absl::StrReplaceAll(safe, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"}\n");
  } else {
    line = base::StrCat(time, " ", level, " ", safe, "\n");
  }
  // stderr may be a full pipe: the agent's own chatter is worth no wait.
  pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (::poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
}

}  // namespace oomtrail::base
