#include "agent/api/http_router.h"

#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

// A connection that is nothing but memory.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view request) : request_(request) {}

  ssize_t read(char* to, size_t size) override {
    const size_t taken = std::min(size, request_.size());
    std::memcpy(to, request_.data(), taken);
    request_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* bytes, size_t size) override {
    response_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string TakeResponse() { return std::move(response_); }

 private:
  std::string_view request_;
  std::string response_;
};

// Its server ignores SIGPIPE for the whole process as soon as it is made, which is for the process
// to decide: our own writes raise none.
class SigpipeKept {
 public:
  SigpipeKept() { ::sigaction(SIGPIPE, nullptr, &before_); }
  ~SigpipeKept() { ::sigaction(SIGPIPE, &before_, nullptr); }
  SigpipeKept(const SigpipeKept&) = delete;
  SigpipeKept& operator=(const SigpipeKept&) = delete;

 private:
  struct sigaction before_ = {};
};

struct Refused {
  int status;
  std::string_view reason;
  std::string_view explanation;
};

constexpr Refused kRefusals[] = {
    {400, "Bad Request", "this is not an HTTP/1.1 request"},
    {405, "Method Not Allowed", "only GET and HEAD are answered"},
    {413, "Content Too Large", "a request may have no body"},
    {414, "URI Too Long", "the request line is too long"},
    {431, "Request Header Fields Too Large", "the headers are too long"},
    {500, "Internal Server Error", "the answer could not be made"},
    {505, "HTTP Version Not Supported", "only HTTP/1.1 and HTTP/1.0 are spoken"},
};

}  // namespace

class HttpRouter::Routes final : public httplib::Server {
 public:
  explicit Routes(std::map<std::string, HttpHandler> handlers) : handlers_(std::move(handlers)) {
    not_found_.status = 404;
    not_found_.body = "404 Not Found: there is";
    for (const auto& [path, handler] : handlers_) base::StrAppend(&not_found_.body, " ", path);
    not_found_.body += '\n';
    // Not Get(): its patterns are regular expressions, and a route is a name.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      const auto found = handlers_.find(request.path);
      HttpResponse answer = found != handlers_.end() ? found->second() : not_found_;
      response.status = answer.status;
      response.set_header("Content-Type", answer.content_type);
      response.body = std::move(answer.body);
      return HandlerResponse::Handled;
    });
  }

  bool Process(httplib::Stream& stream) { return ProcessBy(*this, stream); }

 private:
  // A template, so that the call that this version does not have is not looked at.
  template <typename Self>
  static bool ProcessBy(Self& self, httplib::Stream& stream) {
    bool closed = false;
    if constexpr (requires { self.process_request(stream, true, closed, nullptr); }) {
      return self.process_request(stream, /*close_connection=*/true, closed, nullptr);
    } else {
      // 0.18 wants to be told who is at either end; no handler of ours asks.
      return self.process_request(stream, "", 0, "", 0, /*close_connection=*/true, closed, nullptr);
    }
  }

  const std::map<std::string, HttpHandler> handlers_;
  HttpResponse not_found_;
};

HttpRouter::HttpRouter(std::map<std::string, HttpHandler> routes) {
  const SigpipeKept kept;
  routes_ = std::make_unique<Routes>(std::move(routes));
}

HttpRouter::~HttpRouter() = default;

std::string HttpRouter::Answer(const std::string& request) {
  // Theirs may throw, ours does not.
  try {
    MemoryStream stream(request);
    if (routes_->Process(stream)) return stream.TakeResponse();
  } catch (...) {
  }
  return Refusal(500);
}

std::string HttpRouter::Refusal(int status) {
  const auto* found = std::find_if(std::begin(kRefusals), std::end(kRefusals),
                                   [&](const Refused& row) { return row.status == status; });
  if (found == std::end(kRefusals)) return Refusal(500);
  const std::string body = base::StrCat(status, " ", found->reason, ": ", found->explanation, "\n");
  return base::StrCat("HTTP/1.1 ", status, " ", found->reason, "\r\n",
                      status == 405 ? "Allow: GET, HEAD\r\n" : "",
                      "Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n",
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

}  // namespace oomtrail::api
