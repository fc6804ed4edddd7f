// The gRPC EventService over the stream. Thread-safe; the stream and the clock must outlive it.
#pragma once

#include <memory>
#include <vector>

#include "agent/api/watch_reactor.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/publish/stream.h"
#include "oomtrail/v1/event_service.grpc.pb.h"

namespace oomtrail::api {

// WatchEvents is served raw: what it writes is made by stream_item_wire.h.
using EventServiceBase = v1::EventService::WithRawCallbackMethod_WatchEvents<
    v1::EventService::WithCallbackMethod_ListEvents<v1::EventService::Service>>;

class EventService final : public EventServiceBase {
 public:
  EventService(publish::Stream& stream, const base::Clock& clock)
      : stream_(stream), clock_(clock) {}

  // The agent goes away: every subscriber is told UNAVAILABLE, and may come back to the next one.
  void EndWatches();

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchEvents(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;

 private:
  grpc::Status ReadWatch(const v1::WatchEventsRequest& request,
                         publish::SubscriptionOptions& options) const;
  grpc::Status List(const v1::ListEventsRequest& request, v1::ListEventsResponse& response);

  publish::Stream& stream_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::vector<std::weak_ptr<WatchReactor>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace oomtrail::api
