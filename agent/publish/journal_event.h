// An event as the journal's entry, and back: the protobuf form. Pure, thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "agent/journal/entry.h"
#include "agent/model/event.h"

namespace oomtrail::publish {

journal::Entry ToEntry(const model::Event& event);
// Without a cursor. DATA_LOSS where the payload is none of ours.
absl::StatusOr<model::Event> FromEntry(const journal::Entry& entry);

}  // namespace oomtrail::publish
