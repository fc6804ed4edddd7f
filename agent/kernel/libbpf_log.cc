#include "agent/kernel/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <vector>

#include "agent/base/strings.h"

namespace oomtrail::kernel {
namespace {

// The one global that libbpf's callback forces on its users.
thread_local LibbpfLog* current_log = nullptr;

int Print(libbpf_print_level level, const char* format, va_list arguments) {
  if (current_log == nullptr || level == LIBBPF_DEBUG) return 0;
  va_list copy;
  va_copy(copy, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (size <= 0) return 0;
  std::string line(static_cast<size_t>(size), '\0');
  std::vsnprintf(line.data(), line.size() + 1, format, arguments);
  current_log->Append(line);
  return size;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  current_log = this;
  libbpf_set_print(Print);
}

LibbpfLog::~LibbpfLog() { current_log = nullptr; }

void LibbpfLog::Append(std::string_view line) {
  text_.append(line);
  if (text_.size() > kMaxBytes) text_.erase(0, text_.size() - kMaxBytes);
}

std::string LibbpfLog::LastProgram() const {
  constexpr std::string_view kMark = "prog '";
  const size_t start = text_.rfind(kMark);
  if (start == std::string::npos) return "";
  const size_t name = start + kMark.size();
  const size_t end = text_.find('\'', name);
  return end == std::string::npos ? "" : text_.substr(name, end - name);
}

std::string LibbpfLog::ObjectReason() const {
  std::string reason;
  for (std::string_view line : base::StrSplit(text_, '\n')) {
    line = base::StripPrefix(line, "libbpf: ");
    if (line.empty() || line.starts_with("failed to load ")) continue;
    base::StrAppend(&reason, reason.empty() ? "" : "; ", line);
  }
  return reason;
}

std::string LibbpfLog::VerifierReason() const {
  const size_t end = text_.rfind("-- END PROG LOAD LOG --");
  if (end == std::string::npos) return "";
  // The beginning of a log that outgrew kMaxBytes is gone; the reason is at its end.
  const size_t mark = text_.rfind("-- BEGIN PROG LOAD LOG --", end);
  const size_t begin = mark == std::string::npos ? 0 : mark;
  std::string reason;
  for (std::string_view line :
       base::StrSplit(std::string_view(text_).substr(begin, end - begin), '\n')) {
    const bool statistics = line.starts_with("processed ") || line.starts_with("--") ||
                            line.starts_with("verification time") ||
                            line.starts_with("stack depth");
    if (!line.empty() && !statistics) reason = std::string(line);
  }
  return reason;
}

}  // namespace oomtrail::kernel
