#include "agent/api/http_connection.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace oomtrail::api {
namespace {

// Who goes on talking after the answer is heard out this long: enough for the body of a mistake.
constexpr size_t kMaxDrainedBytes = 256 << 10;

bool Later() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

HttpConnection::HttpConnection(base::UniqueFd socket, size_t max_request_bytes, Moment until)
    : socket_(std::move(socket)),
      until_(until),
      head_(max_request_bytes),
      received_(max_request_bytes) {}

short HttpConnection::events() const { return state_ == State::kAnswering ? POLLOUT : POLLIN; }

void HttpConnection::Advance() {
  if (state_ == State::kReading) Read();
  if (state_ == State::kAnswering) Write();
  if (state_ == State::kLeaving) Drain();
}

void HttpConnection::Read() {
  while (state_ == State::kReading) {
    const ssize_t got = ::recv(socket_.get(), received_.data() + received_bytes_,
                               received_.size() - received_bytes_, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && Later()) return;
    if (got <= 0) {
      state_ = State::kGone;
      return;
    }
    received_bytes_ += static_cast<size_t>(got);
    const auto head = head_.Read(std::string_view(received_.data(), received_bytes_));
    if (head != RequestHead::State::kIncomplete) state_ = State::kJudged;
  }
}

void HttpConnection::Answer(std::string response, Moment until) {
  response_ = std::move(response);
  until_ = until;
  std::vector<char>().swap(received_);
  state_ = State::kAnswering;
  Advance();
}

void HttpConnection::Write() {
  while (sent_bytes_ < response_.size()) {
    const ssize_t sent = ::send(socket_.get(), response_.data() + sent_bytes_,
                                response_.size() - sent_bytes_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && Later()) return;
    if (sent < 0) {
      state_ = State::kGone;
      return;
    }
    sent_bytes_ += static_cast<size_t>(sent);
  }
  answered_ = true;
  std::string().swap(response_);  // assigning {} would keep the memory
  ::shutdown(socket_.get(), SHUT_WR);
  state_ = State::kLeaving;
}

void HttpConnection::Drain() {
  char dropped[4096];
  while (drained_bytes_ <= kMaxDrainedBytes) {
    const ssize_t got = ::recv(socket_.get(), dropped, sizeof dropped, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && Later()) return;
    if (got <= 0) {
      state_ = State::kGone;
      return;
    }
    drained_bytes_ += static_cast<size_t>(got);
  }
  Cut();
}

void HttpConnection::Cut() {
  int untaken = 0;
  if (::ioctl(socket_.get(), SIOCOUTQ, &untaken) == 0 && untaken > 0) {
    const linger reset{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  socket_.Reset();
  state_ = State::kGone;
}

}  // namespace oomtrail::api
