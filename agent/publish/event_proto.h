// The protobuf form of an event: what the API sends and the journal keeps. Pure, thread-safe.
//
// It has the fields of the JSON form, with every text printable, so that both read alike. The
// cursor is left out: it belongs to the place of an event, not to the event.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "agent/model/event.h"
#include "google/protobuf/timestamp.pb.h"
#include "oomtrail/v1/event.pb.h"

namespace oomtrail::publish {

void ToProto(const model::Event& event, v1::Event* out);

// The inverse: ToJson and ToText of the result read as those of the original. The message is not
// trusted: UNIMPLEMENTED for a kind that a newer agent sends, INVALID_ARGUMENT for what no agent
// would.
absl::StatusOr<model::Event> FromProto(const v1::Event& message);

// The wire's words for the model's, for filters.
std::optional<model::Kind> FromProto(v1::Kind kind);
std::optional<model::Scope> FromProto(v1::Scope scope);
v1::Kind ToProto(model::Kind kind);
v1::Scope ToProto(model::Scope scope);
v1::Method ToProto(model::HookMethod method);
v1::Qos ToProto(model::Qos qos);

// Nanoseconds since the epoch, before it too.
void SetTime(int64_t wall_ns, google::protobuf::Timestamp* out);

}  // namespace oomtrail::publish
