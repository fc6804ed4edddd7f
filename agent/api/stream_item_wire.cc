#include "agent/api/stream_item_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <string>

#include "agent/base/printable.h"
#include "agent/publish/event_proto.h"
#include "oomtrail/v1/event_service.pb.h"

namespace oomtrail::api {
namespace {

using publish::SetTime;
using Item = publish::StreamItem;
using Response = v1::WatchEventsResponse;

// A field of strings and messages: its number, its length, its bytes.
void WriteField(int number, const std::string& bytes,
                google::protobuf::io::CodedOutputStream& out) {
  constexpr uint32_t kLengthDelimited = 2;
  out.WriteTag(static_cast<uint32_t>(number) << 3 | kLengthDelimited);
  out.WriteVarint32(static_cast<uint32_t>(bytes.size()));
  out.WriteString(bytes);
}

std::string EventToWire(const Item& item) {
  constexpr size_t kTagsAndLengths = 16;
  std::string wire;
  wire.reserve(item.payload->size() + item.event->cursor.size() + kTagsAndLengths);
  google::protobuf::io::StringOutputStream stream(&wire);
  google::protobuf::io::CodedOutputStream out(&stream);
  WriteField(
      item.event->revision == 0 ? Response::kEventFieldNumber : Response::kAmendmentFieldNumber,
      *item.payload, out);
  WriteField(Response::kCursorFieldNumber, item.event->cursor, out);
  out.Trim();
  return wire;
}

void AddKernelLoss(const model::Event& event, Response& response) {
  v1::Lost* lost = response.mutable_lost();
  lost->set_source(v1::LOST_SOURCE_KERNEL);
  lost->set_stage(base::Printable(event.loss->stage));
  lost->set_count(event.loss->count);
  SetTime(event.wall_ns, lost->mutable_time());
  response.set_cursor(event.cursor);
}

void AddLoss(const Item& item, const publish::Stream& stream, int64_t now_ns, Response& response) {
  response.set_cursor(stream.CursorAt(item.sequence));
  v1::Lost* lost = response.mutable_lost();
  lost->set_source(item.kind == Item::Kind::kSubscriberLoss ? v1::LOST_SOURCE_SUBSCRIBER
                                                            : v1::LOST_SOURCE_JOURNAL);
  lost->set_count(item.count);
  lost->set_first_cursor(stream.CursorAt(item.first));
  lost->set_last_cursor(response.cursor());
  SetTime(now_ns, lost->mutable_time());
}

void AddBookmark(const Item& item, const publish::Stream& stream, int64_t now_ns,
                 Response& response) {
  response.set_cursor(stream.CursorAt(item.sequence));
  response.mutable_bookmark()->set_live(item.live);
  SetTime(now_ns, response.mutable_bookmark()->mutable_time());
}

std::string Serialize(const Item& item, const publish::Stream& stream, int64_t now_ns) {
  Response response;
  switch (item.kind) {
    case Item::Kind::kEvent:
      if (item.event->kind != model::Kind::kLost || !item.event->loss) return EventToWire(item);
      AddKernelLoss(*item.event, response);
      break;
    case Item::Kind::kBookmark: AddBookmark(item, stream, now_ns, response); break;
    case Item::Kind::kSubscriberLoss:
    case Item::Kind::kJournalLoss: AddLoss(item, stream, now_ns, response); break;
  }
  return response.SerializeAsString();
}

}  // namespace

grpc::ByteBuffer ToWire(const Item& item, const publish::Stream& stream, int64_t now_ns) {
  const grpc::Slice slice(Serialize(item, stream, now_ns));
  return {&slice, 1};
}

}  // namespace oomtrail::api
