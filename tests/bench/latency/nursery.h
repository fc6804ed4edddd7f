// A small process that forks the victims: a fork of the harness itself, with gRPC in it, is slow
// and charges the victim's cgroup with copies of its pages.
//
// Start it first of all, before any thread. Owned and called by one thread. It and its children end
// with the harness.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::bench {

class Nursery {
 public:
  struct Death {
    pid_t pid = -1;
    int status = 0;  // of waitpid
  };

  static absl::StatusOr<Nursery> Start();
  Nursery(Nursery&& other) noexcept;
  ~Nursery();

  // A child joins the cgroup and takes memory until it is killed. One at a time.
  absl::Status Breed(const std::string& cgroup_directory) const;
  // Readable when the child is dead.
  int fd() const { return socket_.get(); }
  // Absent where none has died.
  std::optional<Death> Take() const;

 private:
  Nursery(pid_t pid, base::UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  base::UniqueFd socket_;
};

}  // namespace oomtrail::bench
