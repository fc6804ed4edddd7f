// What libbpf says while it works, kept instead of printed.
//
// libbpf has one print callback a process and hands it no context. Construct at most one at a time
// a thread; the lines of the constructing thread are kept, those of others dropped.
#pragma once

#include <string>
#include <string_view>

namespace oomtrail::kernel {

class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  void Clear() { text_.clear(); }

  // The program of the last "prog 'NAME': …" line; empty where there is none.
  std::string LastProgram() const;

  // What was wrong before it gave up on the object, where no program was: its lines, "; " between.
  std::string ObjectReason() const;

  // The verifier's reason (the last line of its log that is not statistics), else "".
  std::string VerifierReason() const;

  void Append(std::string_view line);

 private:
  static constexpr size_t kMaxBytes = 64UL * 1024;  // the end of a verifier log is what matters
  std::string text_;
};

}  // namespace oomtrail::kernel
