// Takes connections from the listeners and hands them over, never more at a time than allowed.
//
// gRPC's own listeners have no bound, and one that meets EMFILE stops for good (1.51). Here the
// count of open connections is exact: beside each socket that is handed over, a duplicate waits in
// our epoll set for the hang-up. gRPC shuts a socket down before it closes it, so the duplicate
// sees the end however it comes about, and keeps no peer waiting. The place is free when the
// descriptor that was handed over is closed as well.
//
// One thread of its own; every public function may be called from any one thread at a time, the
// counts from any thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/api/listener.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

class Acceptor {
 public:
  struct Door {
    Listener listener;
    // Takes the ownership of a connected, non-blocking socket. Called by the acceptor's thread.
    std::function<void(int fd)> hand_over;
  };
  struct Counts {
    size_t connections = 0;  // open now
    uint64_t accepted = 0;   // handed over, ever
    uint64_t refused = 0;    // closed at once: no place, or no descriptor
  };

  // Where both are served, an eighth of the places is kept for unix sockets: whoever floods a port
  // cannot lock out the node's own operator.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Start(std::vector<Door> doors,
                                                         size_t max_connections);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor() { EndConnections(); }

  // Closes the listeners. What is connected stays so. Idempotent.
  void StopAccepting();
  // And ends what is still connected.
  void EndConnections();
  Counts counts() const;

 private:
  struct Connection {
    base::UniqueFd duplicate;
    int handed_over;  // only ever compared: it is not ours any more
    ino_t inode;      // of the socket, which no other can have while the duplicate is open
    bool tcp;
  };

  Acceptor(std::vector<Door> doors, size_t max_connections);
  absl::Status Prepare();
  void Run();
  void Accept(size_t door);
  bool TryHandOver(const Door& door, base::UniqueFd& accepted);
  bool HasPlace(bool tcp) const;
  void HungUp(int duplicate);
  // Gives back the places whose sockets are closed on the other side as well.
  void Reap();
  void PauseListeners();
  void ResumeListeners();
  int NextTimeoutMs() const;

  std::vector<Door> doors_;
  const size_t max_connections_;
  size_t max_tcp_;

  base::UniqueFd epoll_;
  base::UniqueFd stop_;
  std::thread thread_;

  // The thread's own.
  std::unordered_map<int, Connection> open_;
  std::vector<Connection> hung_up_;
  size_t tcp_ = 0;
  std::chrono::milliseconds reap_in_{};
  bool paused_ = false;
  std::chrono::steady_clock::time_point paused_until_;

  std::atomic<size_t> connections_ = 0;
  std::atomic<uint64_t> accepted_ = 0;
  std::atomic<uint64_t> refused_ = 0;
};

}  // namespace oomtrail::api
