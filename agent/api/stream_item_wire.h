// What the stream tells, as gRPC sends it. Pure, thread-safe.
#pragma once

#include "agent/publish/live_queue.h"
#include "agent/publish/stream.h"
#include "grpcpp/support/byte_buffer.h"

namespace oomtrail::api {

// A v1.WatchEventsResponse. An event is not written anew for each subscriber: the journal's bytes
// are its body. `now_ns`: the wall clock's.
grpc::ByteBuffer ToWire(const publish::StreamItem& item, const publish::Stream& stream,
                        int64_t now_ns);

}  // namespace oomtrail::api
