// The processes in containers that take memory when told to (images/hog.c), and the line to them.
//
// Owned and called by the test's one thread. A hog connects to a socket that its container is given
// as a directory, so its pid is what the kernel says, and its end is the connection's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

using scenarios::Watch;

// Where the socket's directory is in a container.
inline constexpr const char* kHogDirectory = "/hogs";
inline constexpr const char* kHogSocket = "/hogs/socket";

class Hog {
 public:
  pid_t pid() const { return pid_; }
  uid_t uid() const { return uid_; }
  const std::string& name() const { return name_; }
  // When it started, in nanoseconds of CLOCK_BOOTTIME as exact as /proc tells; 0 where it was gone
  // before it could be asked for.
  uint64_t start_boot_ns() const { return start_boot_ns_; }
  bool gone() const { return gone_; }
  bool holds() const { return holds_; }

  void Grow() const { Say("grow\n"); }
  void Hold(int mib);
  void Fork(std::string_view name) const;

 private:
  friend class Hogs;
  void Say(std::string_view command) const;

  base::UniqueFd line_;
  pid_t pid_ = 0;
  uid_t uid_ = 0;
  std::string name_;
  std::string rest_;
  uint64_t start_boot_ns_ = 0;
  bool gone_ = false;
  bool holds_ = false;
  bool awaited_ = false;
};

class Hogs {
 public:
  // Listens in `directory`, which it makes.
  static absl::StatusOr<std::unique_ptr<Hogs>> Listen(Watch& watch, const std::string& directory);
  ~Hogs();

  const std::string& directory() const { return directory_; }

  // The next one that gives itself this name. DEADLINE_EXCEEDED where none does.
  absl::StatusOr<Hog*> Await(std::string_view name);

 private:
  Hogs(Watch& watch, std::string directory) : watch_(watch), directory_(std::move(directory)) {}
  void Accept();
  void Read(Hog& hog);
  Hog* FindNext(std::string_view name);

  Watch& watch_;
  const std::string directory_;
  base::UniqueFd socket_;
  std::deque<Hog> hogs_;
};

}  // namespace oomtrail::containerd
