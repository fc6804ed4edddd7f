#include "agent/api/http_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/base/status.h"

namespace oomtrail::api {
namespace {

using State = HttpConnection::State;

// Then the connections there are get their turn.
constexpr int kAcceptsAtOnce = 64;
// The listener stays readable while there is no descriptor for its next client: asking again at
// once would spin until one is free.
constexpr std::chrono::milliseconds kAcceptPause(50);

// Where the wake and the listener stand among what is polled; connections follow.
constexpr size_t kWake = 0;
constexpr size_t kListener = 1;
constexpr size_t kFirstConnection = 2;

// Who goes first when there is no room: who has its answer, then who has not asked yet, and only
// then who is taking it.
int Rank(State state) {
  switch (state) {
    case State::kLeaving: return 0;
    case State::kReading: return 1;
    default: return 2;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(
    const std::string& address, std::map<std::string, Handler> routes, Bounds bounds) {
  ASSIGN_OR_RETURN(HttpListener listener, OpenHttpListener(address, bounds.deadline));
  base::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.ok()) return base::ErrnoStatus(errno, "eventfd");
  return std::unique_ptr<HttpServer>(
      new HttpServer(std::move(listener), std::move(wake), std::move(routes), bounds));
}

HttpServer::HttpServer(HttpListener listener, base::UniqueFd wake,
                       std::map<std::string, Handler> routes, Bounds bounds)
    : bounds_(bounds),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      router_(std::move(routes)) {
  connections_.reserve(bounds_.max_connections);
}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { Run(); });
  ::pthread_setname_np(thread_.native_handle(), "http");
}

void HttpServer::Stop() {
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
  listener_.socket.Reset();
}

HttpServer::Counts HttpServer::counts() const {
  return {.served = served_,
          .bad_requests = bad_requests_,
          .timed_out = timed_out_,
          .evicted = evicted_,
          .accept_failures = accept_failures_};
}

void HttpServer::Run() {
  std::vector<pollfd> polled;
  polled.reserve(kFirstConnection + bounds_.max_connections);
  for (;;) {
    Wait(polled, std::chrono::steady_clock::now());
    if (polled[kWake].revents != 0) break;
    const Moment now = std::chrono::steady_clock::now();
    // Those who were there before this round, as they were polled: BoundUnsent() may end some on
    // the way, but none leaves its place before Forget().
    for (size_t i = kFirstConnection; i < polled.size(); ++i) {
      if (polled[i].revents != 0) Step(*connections_[i - kFirstConnection], now);
    }
    Expire(now);
    Forget();
    if (polled[kListener].revents != 0) Accept(now);
  }
  for (const auto& connection : connections_) connection->Cut();
  connections_.clear();
}

void HttpServer::Wait(std::vector<pollfd>& polled, Moment now) const {
  const bool accepting = now >= accept_after_;
  Moment until = accepting ? Moment::max() : accept_after_;
  polled.clear();
  polled.push_back({wake_.get(), POLLIN, 0});
  polled.push_back({accepting ? listener_.socket.get() : -1, POLLIN, 0});
  for (const auto& connection : connections_) {
    polled.push_back({connection->fd(), connection->events(), 0});
    until = std::min(until, connection->until());
  }
  int timeout_ms = -1;
  if (until != Moment::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    timeout_ms = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
  }
  // When it fails nothing is ready, and the entries say so. Out of memory, it is not asked again
  // at once.
  if (::poll(polled.data(), polled.size(), timeout_ms) < 0 && errno != EINTR) {
    ::poll(nullptr, 0, static_cast<int>(kAcceptPause.count()));
  }
}

void HttpServer::Accept(Moment now) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    base::UniqueFd socket(
        ::accept4(listener_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.ok()) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      // Linux also reports what went wrong on the connection itself: that one is gone.
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;
      ++accept_failures_;
      accept_after_ = now + kAcceptPause;
      return;
    }
    while (connections_.size() >= std::max<size_t>(bounds_.max_connections, 1)) EvictOldest();
    connections_.push_back(std::make_unique<HttpConnection>(
        std::move(socket), bounds_.max_request_bytes, now + bounds_.deadline));
    // Its request is mostly there already, and it is then not among those who have not asked.
    Step(*connections_.back(), now);
    Forget();
  }
}

void HttpServer::Step(HttpConnection& connection, Moment now) {
  const bool answered_before = connection.answered();
  connection.Advance();
  if (connection.state() == State::kJudged) {
    const RequestHead& head = connection.head();
    const bool refused = head.state() == RequestHead::State::kRefused;
    if (refused) ++bad_requests_;
    connection.Answer(
        refused ? HttpRouter::Refusal(head.refusal()) : router_.Answer(head.request()),
        now + bounds_.deadline);
    BoundUnsent(connection);
  }
  const bool complete = connection.head().state() == RequestHead::State::kComplete;
  if (complete && !answered_before && connection.answered()) ++served_;
}

void HttpServer::Expire(Moment now) {
  for (const auto& connection : connections_) {
    if (connection->state() == State::kGone || now < connection->until()) continue;
    if (!connection->answered()) ++timed_out_;
    connection->Cut();
  }
}

void HttpServer::Forget() {
  std::erase_if(connections_,
                [](const auto& connection) { return connection->state() == State::kGone; });
}

void HttpServer::EvictOldest() {
  // The first of the least rank: the vector is in order of age.
  const auto oldest = std::min_element(
      connections_.begin(), connections_.end(),
      [](const auto& a, const auto& b) { return Rank(a->state()) < Rank(b->state()); });
  if (!(*oldest)->answered()) ++evicted_;
  (*oldest)->Cut();
  connections_.erase(oldest);
}

void HttpServer::BoundUnsent(const HttpConnection& newest) {
  size_t unsent = 0;
  for (const auto& connection : connections_) unsent += connection->unsent_bytes();
  for (const auto& connection : connections_) {
    if (unsent <= bounds_.max_unsent_bytes) return;
    if (connection.get() == &newest || connection->state() != State::kAnswering) continue;
    unsent -= connection->unsent_bytes();
    ++evicted_;
    connection->Cut();
  }
}

}  // namespace oomtrail::api
