// What an agent answers in place of an answer. All of it is untrusted: it is bounded here, and made
// printable where it is said (Say()). Pure, thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace oomtrail::cli {

// The same code with one line of what was said: for INVALID_ARGUMENT the fields that are wrong. Of
// gRPC's own words on a connection, the cause alone.
absl::Status ToStatus(const grpc::Status& status);

// OUT_OF_RANGE with the reason CURSOR_EXPIRED: the oldest cursor that is still held.
std::optional<std::string> OldestCursor(const grpc::Status& status);

// Whether a stream that ended so may go on when the agent is there again. `status` may be OK: the
// agent has ended it.
bool WorthTryingAgain(const grpc::Status& status);

}  // namespace oomtrail::cli
