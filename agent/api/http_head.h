// The head of one HTTP request, judged while its bytes come: the first damage refuses it, whatever
// would follow. Pure; owned by one connection, used by its thread.
//
// It stands before cpp-httplib, which in Debian 12 keeps as many headers and reads as long a line
// as it is sent, and runs std::regex, which recurses for each byte, over a Range header. Nothing
// here allocates for a header: no header changes an answer of ours, so each is checked and dropped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oomtrail::api {

// Of the request line; the whole head has a bound of its own.
inline constexpr size_t kMaxRequestLineBytes = 2048;

class RequestHead {
 public:
  enum class State { kIncomplete, kComplete, kRefused };

  explicit RequestHead(size_t max_bytes) : max_bytes_(max_bytes) {}

  // `received` is all that came so far: what the last call was given, and more. Never incomplete
  // once max_bytes are there, so a buffer of that size is enough.
  State Read(std::string_view received);

  State state() const { return state_; }
  // The status that says why, once refused.
  int refusal() const { return refusal_; }
  // Once complete: the same request as its first line alone, without the query.
  const std::string& request() const { return request_; }

 private:
  State Refuse(int status);
  void JudgeLine(std::string_view line);
  void JudgeRequestLine(std::string_view line);
  void JudgeHeader(std::string_view line);
  void JudgeEnd();

  size_t max_bytes_;
  State state_ = State::kIncomplete;
  int refusal_ = 0;
  size_t line_begin_ = 0;
  size_t searched_ = 0;  // for the end of the line
  bool needs_host_ = false;
  size_t hosts_ = 0;
  std::string request_;
};

}  // namespace oomtrail::api
