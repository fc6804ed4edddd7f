// The agent's HTTP server: health, metrics, whatever it is given as a route. GET and HEAD, one
// request a connection, plain HTTP/1.1.
//
// One thread that never waits for a client. Whoever can reach the port can cost no more than the
// Bounds: when they are reached the oldest connection goes, so that a probe always gets in. The
// owner makes, starts, stops and destroys it; counts() may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/api/http_connection.h"
#include "agent/api/http_listener.h"
#include "agent/api/http_router.h"
#include "agent/base/unique_fd.h"

struct pollfd;

namespace oomtrail::api {

class HttpServer {
 public:
  using Handler = HttpHandler;

  struct Bounds {
    size_t max_connections = 64;
    size_t max_request_bytes = 8192;  // the request line and all headers
    // Of all answers that clients have yet to take. The newest is never the one that goes.
    size_t max_unsent_bytes = 8 << 20;
    // For a whole request to come, then for the whole answer to be taken.
    std::chrono::milliseconds deadline{5000};
  };

  struct Counts {
    uint64_t served = 0;           // answers of a route, or that there is none, sent to their end
    uint64_t bad_requests = 0;     // answered with why they were refused
    uint64_t timed_out = 0;        // by the deadline, before or in the middle of the answer
    uint64_t evicted = 0;          // cut off to make room for others
    uint64_t accept_failures = 0;  // no descriptor or no memory for a client: it waits
  };

  // `address` as for OpenHttpListener(), and so the errors. Clients wait until Start().
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& address,
                                                            std::map<std::string, Handler> routes,
                                                            Bounds bounds);
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& address,
                                                            std::map<std::string, Handler> routes) {
    return Listen(address, std::move(routes), Bounds{});
  }
  ~HttpServer();

  void Start();
  // Cuts all connections and waits for the thread. For good; any number of times.
  void Stop();

  int port() const { return listener_.port; }
  const std::string& address() const { return listener_.address; }
  Counts counts() const;

 private:
  using Connections = std::vector<std::unique_ptr<HttpConnection>>;

  HttpServer(HttpListener listener, base::UniqueFd wake, std::map<std::string, Handler> routes,
             Bounds bounds);
  void Run();
  void Wait(std::vector<pollfd>& polled, Moment now) const;
  void Accept(Moment now);
  void Step(HttpConnection& connection, Moment now);
  void Expire(Moment now);
  void Forget();
  // Ends the one that is missed least. There must be one.
  void EvictOldest();
  void BoundUnsent(const HttpConnection& newest);

  const Bounds bounds_;
  HttpListener listener_;
  const base::UniqueFd wake_;  // raised by Stop()
  std::thread thread_;

  // Of the thread.
  HttpRouter router_;
  Connections connections_;  // oldest first
  Moment accept_after_{};

  std::atomic<uint64_t> served_{0};
  std::atomic<uint64_t> bad_requests_{0};
  std::atomic<uint64_t> timed_out_{0};
  std::atomic<uint64_t> evicted_{0};
  std::atomic<uint64_t> accept_failures_{0};
};

}  // namespace oomtrail::api
