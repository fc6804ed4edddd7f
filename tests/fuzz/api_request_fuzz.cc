// Any bytes as what a client may send: requests, cursors, and, as from a journal or a server, an
// event. The first byte chooses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/api/request.h"
#include "agent/api/usage_wire.h"
#include "agent/base/printable.h"
#include "agent/journal/cursor.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_proto.h"
#include "agent/publish/event_text.h"

namespace {

using namespace oomtrail;

void Require(bool holds) {
  if (!holds) std::abort();
}

// A request is refused by its fields, or is within every bound.
void Watch(const std::string& bytes) {
  v1::WatchEventsRequest request;
  if (!request.ParseFromString(bytes)) return;
  api::Violations violations;
  const auto selection = api::ReadSelection(request.allow(), request.deny(), violations);
  if (request.has_since()) api::ReadTime(request.since(), "since", violations);
  if (!violations.empty()) {
    Require(violations.ToStatus().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    Require(violations.ToStatus().error_details().size() < 64 * 1024);
    return;
  }
  Require(selection.allow.size() <= static_cast<size_t>(api::kMaxFilters));
  for (const auto& filter : selection.allow) {
    Require(filter.pods.size() <= static_cast<size_t>(api::kMaxValues));
    Require(filter.labels.size() <= static_cast<size_t>(api::kMaxValues));
  }
  model::Event event;
  event.pod = model::PodFacts{.name = "cart-7d9f", .ns = "shop", .labels = {{"app", "cart"}}};
  selection.Admits(event);
}

// What is to be followed is refused by its fields, or is what the tracker takes.
void Tracking(const std::string& bytes) {
  v1::SetTrackingRequest request;
  if (!request.ParseFromString(bytes)) return;
  api::Violations violations;
  const auto options = api::ReadTracking(request, violations);
  Require(!violations.empty() || Validate(options).ok());
  Require(!violations.empty() || request.seconds() <= api::kMaxTrackingSeconds);
}

// A cursor that is taken has one text.
void Cursor(const std::string& text) {
  const auto position = journal::ParseCursor(text, "node");
  if (position.ok()) Require(journal::FormatCursor("node", *position) == text);
}

// Whatever was sent as an event: its lines are safe.
void Event(const std::string& bytes) {
  v1::Event message;
  if (!message.ParseFromString(bytes)) return;
  const auto event = publish::FromProto(message);
  if (!event.ok()) return;
  for (std::string line : {publish::ToJson(*event), publish::ToText(*event)}) {
    std::erase(line, '\\');
    Require(base::Printable(line) == line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 4) {
    case 0: Watch(rest); break;
    case 1: Cursor(rest); break;
    case 3: Tracking(rest); break;
    default: Event(rest); break;
  }
  return 0;
}
