#include "agent/publish/journal_event.h"

#include <string>

#include "agent/publish/event_proto.h"

namespace oomtrail::publish {

journal::Entry ToEntry(const model::Event& event) {
  v1::Event message;
  return ToEntry(event, message);
}

journal::Entry ToEntry(const model::Event& event, v1::Event& scratch) {
  scratch.Clear();
  ToProto(event, &scratch);
  return {.wall_ns = event.wall_ns,
          .id = event.id,
          .revision = event.revision,
          .payload = std::make_shared<const std::string>(scratch.SerializeAsString())};
}

absl::StatusOr<model::Event> FromEntry(const journal::Entry& entry) {
  v1::Event message;
  if (entry.payload == nullptr || !message.ParseFromString(*entry.payload)) {
    return absl::DataLossError("a journal entry that is no event");
  }
  auto event = FromProto(message);
  if (!event.ok()) return absl::DataLossError(event.status().message());
  return event;
}

}  // namespace oomtrail::publish
