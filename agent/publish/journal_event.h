// An event as the journal's entry, and back: the protobuf form. Pure, thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "agent/journal/entry.h"
#include "agent/model/event.h"
#include "oomtrail/v1/event.pb.h"

namespace oomtrail::publish {

journal::Entry ToEntry(const model::Event& event);
// The same by way of `scratch`, which keeps its memory from one event to the next.
journal::Entry ToEntry(const model::Event& event, v1::Event& scratch);
// Without a cursor. DATA_LOSS where the payload is none of ours.
absl::StatusOr<model::Event> FromEntry(const journal::Entry& entry);

}  // namespace oomtrail::publish
