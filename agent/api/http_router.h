// From a request that was found harmless to the bytes of its answer: cpp-httplib's server without
// its sockets and threads. Used by one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace oomtrail::api {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Called on the server's thread; must not throw, nor take long: all connections wait for it.
using HttpHandler = std::function<HttpResponse()>;

class HttpRouter {
 public:
  // By path, exactly.
  explicit HttpRouter(std::map<std::string, HttpHandler> routes);
  ~HttpRouter();
  HttpRouter(const HttpRouter&) = delete;
  HttpRouter& operator=(const HttpRouter&) = delete;

  // The whole answer to RequestHead::request(); it says that the connection closes.
  std::string Answer(const std::string& request);
  // The whole answer to a request that was refused with `status`.
  static std::string Refusal(int status);

 private:
  class Routes;
  std::unique_ptr<Routes> routes_;
};

}  // namespace oomtrail::api
