// Whatever a client sends: the head comes to a verdict within its bound, the same however the bytes
// were cut, and every verdict has an answer. The first byte is the size of the cuts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/api/http_head.h"
#include "agent/api/http_router.h"

namespace {

using oomtrail::api::HttpResponse;
using oomtrail::api::HttpRouter;
using oomtrail::api::RequestHead;

constexpr size_t kMaxBytes = 4096;
constexpr std::string_view kBody = "ok\n";

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckAnswer(const RequestHead& head, const std::string& answer) {
  Require(answer.starts_with("HTTP/1.1 "));
  Require(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  const size_t end = answer.find("\r\n\r\n");
  Require(end != std::string::npos);
  const bool body = answer.size() > end + 4;
  if (head.state() == RequestHead::State::kRefused) {
    Require(answer.substr(9, 3) == std::to_string(head.refusal()) && body);
    return;
  }
  // Nothing of what was asked comes back in the answer, and HEAD has no body.
  Require(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 404 "));
  Require(body != head.request().starts_with("HEAD "));
  if (answer.starts_with("HTTP/1.1 200 ") && body) Require(answer.substr(end + 4) == kBody);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static HttpRouter router({{"/livez", [] { return HttpResponse{.body = std::string(kBody)}; }},
                            {"/", [] { return HttpResponse{.body = std::string(kBody)}; }}});
  if (size == 0) return 0;
  const size_t cut = std::max<size_t>(bytes[0], 1);
  const std::string_view all(reinterpret_cast<const char*>(bytes + 1), size - 1);

  RequestHead at_once(kMaxBytes);
  at_once.Read(all.substr(0, kMaxBytes));
  RequestHead in_pieces(kMaxBytes);
  for (size_t end = cut; end < all.size() + cut; end += cut) {
    in_pieces.Read(all.substr(0, std::min({end, all.size(), kMaxBytes})));
  }
  Require(at_once.state() == in_pieces.state());
  Require(at_once.refusal() == in_pieces.refusal());
  Require(at_once.request() == in_pieces.request());
  if (all.size() >= kMaxBytes) Require(at_once.state() != RequestHead::State::kIncomplete);

  switch (at_once.state()) {
    case RequestHead::State::kIncomplete: break;
    case RequestHead::State::kRefused:
      CheckAnswer(at_once, HttpRouter::Refusal(at_once.refusal()));
      break;
    case RequestHead::State::kComplete:
      CheckAnswer(at_once, router.Answer(at_once.request()));
      break;
  }
  return 0;
}
