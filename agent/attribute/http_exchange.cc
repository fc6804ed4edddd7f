#include "agent/attribute/http_exchange.h"

#include <httplib.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

// cpp-httplib 0.11 matches the first line with a regular expression that takes some 200 bytes of
// stack for each byte of it, and keeps as many headers as it is sent.
constexpr size_t kMaxFirstLineBytes = 1024;
constexpr size_t kMaxHeadBytes = 16 << 10;
// What is quoted of an error's body.
constexpr size_t kQuotedBytes = 256;

// The connection as cpp-httplib sees it. Remembers why it ended.
class BoundedStream final : public httplib::Stream {
 public:
  BoundedStream(TlsConnection& connection, size_t max_body_bytes)
      : connection_(connection),
        // Room for the framing of a chunked body.
        bytes_left_(max_body_bytes + max_body_bytes / 4 + (64 << 10)) {}

  ssize_t read(char* to, size_t size) override {
    if (!status_.ok()) return -1;
    if (begin_ == end_ && !Fill()) return status_.ok() ? 0 : -1;
    size_t taken = std::min(size, end_ - begin_);
    if (!head_done_) {
      taken = 1;  // it asks for no more at a time
      if (buffer_[begin_] == '\n') first_line_done_ = true;
      if (++head_bytes_ > (first_line_done_ ? kMaxHeadBytes : kMaxFirstLineBytes)) {
        status_ = absl::InvalidArgumentError(
            "the answer's headers are longer than any kubelet's; is --kubelet-url a kubelet?");
        return -1;
      }
    }
    std::memcpy(to, buffer_ + begin_, taken);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* bytes, size_t size) override {
    status_ = connection_.Write({bytes, size});
    return status_.ok() ? static_cast<ssize_t>(size) : -1;
  }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  void HeadDone() { head_done_ = true; }
  const absl::Status& status() const { return status_; }
  bool ended() const { return ended_; }
  bool anything() const { return head_bytes_ > 0; }

 private:
  // False at the end and on failure.
  bool Fill() {
    if (ended_) return false;
    const auto got = connection_.Read(buffer_, sizeof buffer_);
    if (!got.ok()) {
      status_ = got.status();
      return false;
    }
    ended_ = *got == 0;
    if (*got > bytes_left_) {
      status_ = absl::ResourceExhaustedError("the answer is larger than the bound on it");
      return false;
    }
    bytes_left_ -= *got;
    begin_ = 0;
    end_ = *got;
    return !ended_;
  }

  TlsConnection& connection_;
  absl::Status status_;
  size_t bytes_left_;
  size_t head_bytes_ = 0;
  bool first_line_done_ = false;
  bool head_done_ = false;
  bool ended_ = false;
  size_t begin_ = 0;
  size_t end_ = 0;
  char buffer_[16 << 10];
};

// The part of the client that is to be had without its sockets.
class Exchange final : public httplib::ClientImpl {
 public:
  explicit Exchange(const std::string& host) : httplib::ClientImpl(host) {
    set_decompress(false);
    set_follow_location(false);
  }
  bool Run(httplib::Stream& stream, httplib::Request& request, httplib::Response& response,
           httplib::Error& error) {
    return process_request(stream, request, response, true, error);
  }
};

// Takes the answer's parts as they come.
class Receiver {
 public:
  Receiver(HttpAnswer& answer, BoundedStream& stream, size_t max_body_bytes)
      : answer_(answer), stream_(stream), max_body_bytes_(max_body_bytes) {}

  bool TakeHead(const httplib::Response& response) {
    stream_.HeadDone();
    answer_.status = response.status;
    answer_.content_type = response.get_header_value("Content-Type");
    answer_.content_encoding = response.get_header_value("Content-Encoding");
    uint64_t announced = 0;
    if (base::SimpleAtoi(response.get_header_value("Content-Length"), &announced)) {
      if (announced > max_body_bytes_ && answer_.status == 200) return TooLarge(announced);
      answer_.body.reserve(std::min<uint64_t>(announced, max_body_bytes_));
    }
    return true;
  }

  bool TakeBody(const char* bytes, size_t size) {
    const size_t room = max_body_bytes_ - answer_.body.size();
    if (answer_.status == 200) {
      if (size > room) return TooLarge(answer_.body.size() + size);
      answer_.body.append(bytes, size);
      return true;
    }
    answer_.body.append(bytes, std::min(size, kQuotedBytes - answer_.body.size()));
    return answer_.body.size() < kQuotedBytes;
  }

  const absl::Status& refusal() const { return refusal_; }

 private:
  bool TooLarge(uint64_t bytes) {
    refusal_ = absl::ResourceExhaustedError(
        base::StrCat("the answer has ", bytes, " bytes or more, the bound is ", max_body_bytes_));
    return false;
  }

  HttpAnswer& answer_;
  BoundedStream& stream_;
  const size_t max_body_bytes_;
  absl::Status refusal_;
};

httplib::Request MakeRequest(const KubeletUrl& url, const std::string& authorization) {
  httplib::Request request;
  request.method = "GET";
  request.path = url.path;
  request.headers = {{"Host", url.HostAndPort()},
                     {"Accept", "application/json"},
                     {"Accept-Encoding", "identity"},
                     {"User-Agent", "oomtrail"}};
  if (!authorization.empty()) request.headers.emplace("Authorization", authorization);
  return request;
}

}  // namespace

absl::StatusOr<HttpAnswer> HttpGet(TlsConnection& connection, const KubeletUrl& url,
                                   const std::string& authorization, size_t max_body_bytes) {
  HttpAnswer answer;
  BoundedStream stream(connection, max_body_bytes);
  Receiver receiver(answer, stream, max_body_bytes);
  httplib::Request request = MakeRequest(url, authorization);
  request.response_handler = [&](const httplib::Response& head) { return receiver.TakeHead(head); };
  request.content_receiver = [&](const char* bytes, size_t size, uint64_t, uint64_t) {
    return receiver.TakeBody(bytes, size);
  };
  httplib::Response response;
  httplib::Error error = httplib::Error::Success;
  bool complete = false;
  try {
    Exchange exchange(url.host);
    complete = exchange.Run(stream, request, response, error);
  } catch (const std::exception& e) {
    return absl::InternalError(base::StrCat("cpp-httplib: ", e.what()));
  }
  if (!receiver.refusal().ok()) return receiver.refusal();
  // An error's body is only quoted: what came of it is enough.
  if (answer.status != 0 && answer.status != 200) return answer;
  if (!stream.status().ok()) return stream.status();
  if (complete && answer.status == 0) answer.status = response.status;  // 204 has no body to offer
  if (complete) return answer;
  if (stream.ended() && stream.anything()) {
    return absl::DataLossError("the connection ended in the middle of the answer");
  }
  if (stream.ended()) return absl::UnavailableError("the connection ended without an answer");
  return absl::InvalidArgumentError("the answer is not HTTP; is --kubelet-url a kubelet?");
}

}  // namespace oomtrail::attribute
