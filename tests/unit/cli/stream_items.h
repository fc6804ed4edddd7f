// Items of a stream as an agent sends them.
#pragma once

#include <string>

#include "agent/model/event.h"
#include "agent/publish/event_proto.h"
#include "oomtrail/v1/event_service.pb.h"

namespace oomtrail::cli {

inline v1::WatchEventsResponse EventItem(const model::Event& event, const std::string& cursor) {
  v1::WatchEventsResponse item;
  publish::ToProto(event, event.revision == 0 ? item.mutable_event() : item.mutable_amendment());
  item.set_cursor(cursor);
  return item;
}

inline v1::WatchEventsResponse BookmarkItem(const std::string& cursor) {
  v1::WatchEventsResponse item;
  item.mutable_bookmark()->set_live(true);
  item.set_cursor(cursor);
  return item;
}

inline v1::WatchEventsResponse LostItem(v1::LostSource source, uint64_t count,
                                        const std::string& cursor) {
  v1::WatchEventsResponse item;
  item.mutable_lost()->set_source(source);
  item.mutable_lost()->set_count(count);
  item.mutable_lost()->mutable_time()->set_seconds(1'795'239'668);
  item.set_cursor(cursor);
  return item;
}

}  // namespace oomtrail::cli
