// A bound, listening, non-blocking socket, and the file of a unix one as long as it is ours.
//
// Owned by whoever accepts from it. Made and used by one thread.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "agent/api/listen_address.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

class Listener {
 public:
  // Binds and listens. A unix socket gets mode 0660, is never more open than that, not even while
  // it is made, and replaces one that nobody listens on. Its directory is made, 0755, if absent.
  // What is there and no socket, or is served by somebody, is left alone: FAILED_PRECONDITION.
  static absl::StatusOr<Listener> Open(const ListenAddress& address);

  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&& other) noexcept;
  // Removes the socket's file, unless somebody has put another in its place.
  ~Listener() { Close(); }

  int fd() const { return socket_.get(); }
  // As bound: port 0 has become the one that the kernel chose.
  const ListenAddress& address() const { return address_; }

 private:
  Listener(base::UniqueFd socket, ListenAddress address)
      : socket_(std::move(socket)), address_(std::move(address)) {}

  static absl::StatusOr<Listener> OpenUnix(const ListenAddress& address);
  static absl::StatusOr<Listener> OpenTcp(const ListenAddress& wanted);
  void Close();

  base::UniqueFd socket_;
  ListenAddress address_;
  // The file that bind() made; it cannot be given to another while the socket is open.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace oomtrail::api
