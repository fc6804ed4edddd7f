// What the stream tells, as messages. Pure, thread-safe.
#pragma once

#include "agent/publish/live_queue.h"
#include "agent/publish/stream.h"
#include "oomtrail/v1/event_service.pb.h"

namespace oomtrail::api {

// `now_ns`: the wall clock's.
void ToProto(const publish::StreamItem& item, const publish::Stream& stream, int64_t now_ns,
             v1::WatchEventsResponse* out);

}  // namespace oomtrail::api
