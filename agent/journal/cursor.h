// A place in a node's journal as text that clients keep. Values; pure, thread-safe.
//
// "<node>/<epoch>/<sequence>": everything up to and with that sequence has been seen. An epoch is
// one opening of the journal: what an agent handed out and did not live to write is known by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace oomtrail::journal {

inline constexpr size_t kMaxCursorBytes = 512;

struct Position {
  uint64_t epoch = 0;
  uint64_t sequence = 0;

  bool operator==(const Position&) const = default;
};

std::string FormatCursor(std::string_view node, Position position);

// INVALID_ARGUMENT for what is no cursor, or is one of another node.
absl::StatusOr<Position> ParseCursor(std::string_view text, std::string_view node);

}  // namespace oomtrail::journal
