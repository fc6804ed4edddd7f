// What the agent says about itself, on stderr, one line a message. Events go to stdout.
//
// Thread-safe: each line is one write(2). A line that cannot be written is dropped.
#pragma once

#include <string_view>

namespace oomtrail::base {

enum class LogFormat { kText, kJson };

class Log {
 public:
  explicit Log(LogFormat format, int fd = 2) : format_(format), fd_(fd) {}

  void Info(std::string_view message) const { Write("info", message); }
  void Warn(std::string_view message) const { Write("warn", message); }
  void Error(std::string_view message) const { Write("error", message); }

 private:
  void Write(std::string_view level, std::string_view message) const;

  LogFormat format_;
  int fd_;
};

}  // namespace oomtrail::base
