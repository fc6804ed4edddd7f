// Where the API is served: what --listen may say. Values; thread-safe, pure.
//
//   unix:///run/oomtrail/oomtrail.sock   unix:/run/…   a socket in the file system
//   10.0.0.7:50051  [::1]:50051  localhost:50051       one address of this node
//   :50051                                             every address of this node
//
// A host's name is refused: it may have several addresses, or at start none, and whom the API is
// open to should not depend on a resolver. "localhost" is 127.0.0.1.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace oomtrail::api {

struct ListenAddress {
  // For a socket in the file system; empty for TCP.
  std::string path;
  // For TCP. Port 0 asks the kernel for a free one.
  sockaddr_storage address{};
  socklen_t address_size = 0;

  bool is_unix() const { return !path.empty(); }
  // As it was bound or would be: "unix:///run/x.sock", "127.0.0.1:50051", "[::]:50051".
  std::string ToString() const;
};

// INVALID_ARGUMENT, with the remedy, for anything else than the forms above.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace oomtrail::api
