#include "agent/api/http_head.h"

#include <strings.h>

#include <algorithm>

#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsGraphic(char c) { return c > 0x20 && c < 0x7f; }
bool IsLineByte(char c) { return IsGraphic(c) || c == ' ' || c == '\r'; }

bool IsTokenByte(char c) {
  return IsGraphic(c) && !base::StrContains("\"(),/:;<=>?@[\\]{}", std::string_view(&c, 1));
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenByte);
}

// What a header's value may hold: anything but control characters. Bytes above ASCII are opaque.
bool IsValueByte(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

bool Equals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool IsVersion(std::string_view text) {
  return base::ConsumePrefix(&text, "HTTP/") && text.size() == 3 && IsDigit(text[0]) &&
         text[1] == '.' && IsDigit(text[2]);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

RequestHead::State RequestHead::Refuse(int status) {
  refusal_ = status;
  state_ = State::kRefused;
  return state_;
}

RequestHead::State RequestHead::Read(std::string_view received) {
  while (state_ == State::kIncomplete) {
    const size_t newline = received.find('\n', searched_);
    const size_t end = std::min(newline, received.size());
    if (line_begin_ == 0) {
      // A TLS handshake, say, has no lines: its client should not wait for our patience to end. No
      // further than the bounds, or the verdict would hang on how the bytes were cut.
      const size_t looked_at = std::min({end, kMaxRequestLineBytes + 1, max_bytes_});
      for (size_t i = searched_; i < looked_at; ++i) {
        if (!IsLineByte(received[i])) return Refuse(400);
      }
      if (end > kMaxRequestLineBytes) return Refuse(414);
    }
    if (end >= max_bytes_) return Refuse(line_begin_ == 0 ? 414 : 431);
    if (newline == std::string_view::npos) {
      searched_ = received.size();
      return state_;
    }
    std::string_view line = received.substr(line_begin_, newline - line_begin_);
    // A lone newline ends a line for some, and not for others that may stand before us.
    if (!base::ConsumeSuffix(&line, "\r")) return Refuse(400);
    JudgeLine(line);
    line_begin_ = searched_ = newline + 1;
  }
  return state_;
}

void RequestHead::JudgeLine(std::string_view line) {
  if (line_begin_ == 0) {
    JudgeRequestLine(line);
  } else if (line.empty()) {
    JudgeEnd();
  } else {
    JudgeHeader(line);
  }
}

void RequestHead::JudgeRequestLine(std::string_view line) {
  const auto words = base::StrSplit(line, ' ', 3);
  if (words.size() != 3 || !IsToken(words[0])) return void(Refuse(400));
  const std::string_view target = words[1];
  if (target.empty() || !std::all_of(target.begin(), target.end(), IsGraphic)) {
    return void(Refuse(400));
  }
  const std::string_view version = words[2];
  if (!IsVersion(version)) return void(Refuse(400));
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return void(Refuse(505));
  if (words[0] != "GET" && words[0] != "HEAD") return void(Refuse(405));
  if (target.front() != '/') return void(Refuse(400));
  needs_host_ = version == "HTTP/1.1";
  request_ = base::StrCat(words[0], " ", target.substr(0, target.find_first_of("?#")), " ", version,
                          "\r\n\r\n");
}

void RequestHead::JudgeHeader(std::string_view line) {
  const size_t colon = line.find(':');
  // Without a name: a continuation of the line before, or a blank before the colon.
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return void(Refuse(400));
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), IsValueByte)) return void(Refuse(400));
  if (Equals(name, "Host")) ++hosts_;
  if (Equals(name, "Transfer-Encoding")) return void(Refuse(413));
  if (Equals(name, "Content-Length")) {
    if (value.empty() || !std::all_of(value.begin(), value.end(), IsDigit)) {
      return void(Refuse(400));
    }
    if (value.find_first_not_of('0') != std::string_view::npos) return void(Refuse(413));
  }
}

void RequestHead::JudgeEnd() {
  if (hosts_ > 1 || (needs_host_ && hosts_ == 0)) return void(Refuse(400));
  state_ = State::kComplete;
}

}  // namespace oomtrail::api
