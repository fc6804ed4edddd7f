#include "agent/api/stream_item_proto.h"

#include "agent/base/printable.h"
#include "agent/publish/event_proto.h"

namespace oomtrail::api {
namespace {

using publish::SetTime;
using Item = publish::StreamItem;

void AddEvent(const model::Event& event, v1::WatchEventsResponse* out) {
  if (event.kind == model::Kind::kLost && event.loss) {
    v1::Lost* lost = out->mutable_lost();
    lost->set_source(v1::LOST_SOURCE_KERNEL);
    lost->set_stage(base::Printable(event.loss->stage));
    lost->set_count(event.loss->count);
    SetTime(event.wall_ns, lost->mutable_time());
    return;
  }
  publish::ToProto(event, event.revision == 0 ? out->mutable_event() : out->mutable_amendment());
}

}  // namespace

void ToProto(const Item& item, const publish::Stream& stream, int64_t now_ns,
             v1::WatchEventsResponse* out) {
  out->Clear();
  if (item.kind == Item::Kind::kEvent) {
    AddEvent(*item.event, out);
    out->set_cursor(item.event->cursor);
    return;
  }
  out->set_cursor(stream.CursorAt(item.sequence));
  if (item.kind == Item::Kind::kBookmark) {
    out->mutable_bookmark()->set_live(item.live);
    SetTime(now_ns, out->mutable_bookmark()->mutable_time());
    return;
  }
  v1::Lost* lost = out->mutable_lost();
  lost->set_source(item.kind == Item::Kind::kSubscriberLoss ? v1::LOST_SOURCE_SUBSCRIBER
                                                            : v1::LOST_SOURCE_JOURNAL);
  lost->set_count(item.count);
  lost->set_first_cursor(stream.CursorAt(item.first));
  lost->set_last_cursor(out->cursor());
  SetTime(now_ns, lost->mutable_time());
}

}  // namespace oomtrail::api
