// One client of the HTTP server, from its first byte to its last: one request, one answer. Owned
// by the server, used by its thread. Nothing here waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "agent/api/http_head.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

using Moment = std::chrono::steady_clock::time_point;

class HttpConnection {
 public:
  enum class State {
    kReading,    // the request's head
    kJudged,     // complete or refused: Answer() is due
    kAnswering,  // what the client takes of it
    kLeaving,    // all is said; until the client hangs up too, what it still says is dropped:
                 // closing with unread bytes would take the answer away from it
    kGone,
  };

  // `socket` does not block. Reads until `until` at most; the server sees to that.
  HttpConnection(base::UniqueFd socket, size_t max_request_bytes, Moment until);

  // Does what the socket allows.
  void Advance();
  // Once kJudged. The client has until `until` to take it and to hang up.
  void Answer(std::string response, Moment until);
  // Ends it at once. What the client did not take is thrown away, instead of staying with the
  // kernel, on the agent's account, for minutes.
  void Cut();

  State state() const { return state_; }
  const RequestHead& head() const { return head_; }
  bool answered() const { return answered_; }  // the client has, or the kernel holds, all of it
  size_t unsent_bytes() const { return response_.size(); }  // the memory, not what is left of it
  Moment until() const { return until_; }
  int fd() const { return socket_.get(); }
  short events() const;

 private:
  void Read();
  void Write();
  void Drain();

  base::UniqueFd socket_;
  State state_ = State::kReading;
  Moment until_;
  RequestHead head_;
  std::vector<char> received_;
  size_t received_bytes_ = 0;
  std::string response_;
  size_t sent_bytes_ = 0;
  size_t drained_bytes_ = 0;
  bool answered_ = false;
};

}  // namespace oomtrail::api
