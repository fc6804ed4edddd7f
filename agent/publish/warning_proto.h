// Warnings as protobuf messages and back: the part of event_proto.h that tells of the time before a
// kill. Pure, thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "agent/model/warning.h"
#include "oomtrail/v1/event.pb.h"

namespace oomtrail::publish {

void ToProto(const model::Warning& warning, v1::Warning* out);
void ToProto(const model::Warned& warned, v1::Warned* out);

// INVALID_ARGUMENT for a number that is none, and for words of the future.
absl::StatusOr<model::Warning> FromProto(const v1::Warning& message);
absl::StatusOr<model::Warned> FromProto(const v1::Warned& message);

}  // namespace oomtrail::publish
