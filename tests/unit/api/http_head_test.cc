// What is a request for us, and what is refused with which status: one damage a row.
#include "agent/api/http_head.h"

#include <gtest/gtest.h>

#include <string>

#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

using State = RequestHead::State;
using namespace std::string_literals;

constexpr size_t kMaxBytes = 8192;

// 0 while incomplete, 200 when complete, else the refusal. Read a byte at a time and all at once,
// which must come to the same.
int Judge(std::string_view bytes, size_t max_bytes = kMaxBytes) {
  const auto verdict = [](const RequestHead& head) {
    if (head.state() == State::kIncomplete) return 0;
    return head.state() == State::kComplete ? 200 : head.refusal();
  };
  RequestHead at_once(max_bytes);
  at_once.Read(bytes);
  RequestHead dripping(max_bytes);
  for (size_t i = 1; i <= bytes.size(); ++i) dripping.Read(bytes.substr(0, i));
  EXPECT_EQ(verdict(at_once), verdict(dripping));
  return verdict(at_once);
}

std::string RequestOf(std::string_view bytes) {
  RequestHead head(kMaxBytes);
  head.Read(bytes);
  return head.request();
}

TEST(HttpHead, WhatTheRouterIsGivenIsTheFirstLineWithoutTheQuery) {
  EXPECT_EQ(RequestOf("GET /metrics HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n"),
            "GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_EQ(RequestOf("HEAD /livez?verbose=1&x=/../ HTTP/1.0\r\n\r\n"),
            "HEAD /livez HTTP/1.0\r\n\r\n");
  EXPECT_EQ(RequestOf("GET /a#b?c HTTP/1.0\r\n\r\n"), "GET /a HTTP/1.0\r\n\r\n");
}

struct Row {
  const char* name;
  std::string bytes;
  int status;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

std::string With(std::string_view header) {
  return base::StrCat("GET / HTTP/1.1\r\nHost: node\r\n", header, "\r\n\r\n");
}

const Row kRows[] = {
    {"a_get", With("Accept: */*"), 200},
    {"a_head", "HEAD / HTTP/1.1\r\nhost:node\r\n\r\n", 200},
    {"http_1_0_needs_no_host", "GET / HTTP/1.0\r\n\r\n", 200},
    {"a_length_of_zero", With("Content-Length: 0"), 200},
    {"an_empty_value", With("X-Empty:"), 200},
    {"a_value_beyond_ascii", With("X-Name: \xc3\xa9"), 200},
    {"what_follows_the_head", With("A: b") + "\0\x01garbage"s, 200},
    {"nothing_yet", "", 0},
    {"half_a_line", "GET / HT", 0},
    {"no_blank_line", "GET / HTTP/1.1\r\nHost: node\r\n", 0},
    {"half_a_line_end", "GET / HTTP/1.1\r\nHost: node\r\n\r", 0},

    {"a_blank_line_first", "\r\nGET / HTTP/1.1\r\nHost: node\r\n\r\n", 400},
    {"a_tls_handshake", "\x16\x03\x01\x02\x00\x01\x00"s, 400},
    {"a_nul_in_the_line", "GET /\0 HTTP/1.1\r\n"s, 400},
    {"a_nul_in_a_value", With("X: a\0b"s), 400},
    {"a_nul_in_a_name", With("X\0: a"s), 400},
    {"an_escape_in_a_value", With("X: \x1b[2J"), 400},
    {"a_byte_beyond_ascii_in_the_line", "GET /\xff HTTP/1.1\r\n", 400},
    {"a_carriage_return_in_a_value", With("X: a\rb"), 400},
    {"a_lone_newline_after_the_line", "GET / HTTP/1.1\n", 400},
    {"a_lone_newline_after_a_header", "GET / HTTP/1.1\r\nHost: node\n\r\n", 400},
    {"no_version", "GET /\r\n", 400},
    {"no_target", "GET  HTTP/1.1\r\n", 400},
    {"two_blanks", "GET  / HTTP/1.1\r\n", 400},
    {"a_word_too_many", "GET / a HTTP/1.1\r\n", 400},
    {"a_tab_for_a_blank", "GET\t/ HTTP/1.1\r\n", 400},
    {"another_protocol", "GET / ICY/1.0\r\n", 400},
    {"a_target_that_is_no_path", "GET http://node/ HTTP/1.1\r\n", 400},
    {"a_method_that_is_no_word", "G{T / HTTP/1.1\r\n", 400},
    {"a_header_without_a_colon", With("Hello"), 400},
    {"a_header_without_a_name", With(": a"), 400},
    {"a_blank_before_the_colon", With("X : a"), 400},
    {"a_folded_header", With("X: a\r\n b"), 400},
    {"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two_hosts", With("Host: other"), 400},
    {"a_negative_length", With("Content-Length: -1"), 400},
    {"a_length_that_is_no_number", With("Content-Length: 0x0"), 400},
    {"a_list_of_lengths", With("Content-Length: 0, 5"), 400},
    {"an_empty_length", With("Content-Length:"), 400},

    {"a_post", "POST / HTTP/1.1\r\n", 405},
    {"a_method_nobody_knows", "BREW / HTTP/1.1\r\n", 405},
    {"a_method_in_lower_case", "get / HTTP/1.1\r\n", 405},
    {"a_tunnel", "CONNECT node:443 HTTP/1.1\r\n", 405},
    {"a_body", With("Content-Length: 1"), 413},
    {"a_body_beyond_64_bits", With("content-length: 99999999999999999999999"), 413},
    {"a_chunked_body", With("Transfer-Encoding: chunked"), 413},
    {"a_body_of_both_kinds", With("Content-Length: 0\r\nTRANSFER-ENCODING:x"), 413},
    {"a_later_length", With("Content-Length: 0\r\nContent-Length: 5"), 413},
    {"http_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"a_version_to_come", "GET / HTTP/1.2\r\n", 505},

    {"a_long_line", base::StrCat("GET /", std::string(kMaxRequestLineBytes, 'a')), 414},
    {"a_long_line_with_its_end",
     base::StrCat("GET /", std::string(kMaxRequestLineBytes, 'a'), " HTTP/1.1\r\n"), 414},
    {"a_nul_in_a_long_line",
     base::StrCat("GET /", std::string(2000, 'a'), "\0"s, std::string(2000, 'a')), 400},
    {"a_nul_beyond_a_long_line",
     base::StrCat("GET /", std::string(kMaxRequestLineBytes, 'a'), "\0"s), 414},
    {"a_long_header", With(base::StrCat("X: ", std::string(kMaxBytes, 'a'))), 431},
    {"a_long_header_without_end",
     base::StrCat("GET / HTTP/1.1\r\nX: ", std::string(kMaxBytes, 'a')), 431},
};

class HttpHeadTable : public testing::TestWithParam<Row> {};

TEST_P(HttpHeadTable, IsJudged) { EXPECT_EQ(Judge(GetParam().bytes), GetParam().status); }

INSTANTIATE_TEST_SUITE_P(Requests, HttpHeadTable, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(HttpHead, ManySmallHeadersAreTooMuchTogether) {
  std::string bomb = "GET / HTTP/1.1\r\n";
  while (bomb.size() < 2 * kMaxBytes) bomb += "a:\r\n";
  EXPECT_EQ(Judge(bomb), 431);
}

TEST(HttpHead, TheBoundIsExact) {
  const std::string fits = With("A: b");
  EXPECT_EQ(Judge(fits, fits.size()), 200);
  EXPECT_EQ(Judge(fits, fits.size() - 1), 431);
}

TEST(HttpHead, NeverIncompleteOnceTheBoundIsThere) {
  for (size_t max_bytes = 1; max_bytes < 64; ++max_bytes) {
    const std::string endless = base::StrCat("GET / HTTP/1.1\r\nX: ", std::string(64, 'a'));
    EXPECT_NE(Judge(endless.substr(0, max_bytes), max_bytes), 0) << max_bytes;
  }
}

}  // namespace
}  // namespace oomtrail::api
