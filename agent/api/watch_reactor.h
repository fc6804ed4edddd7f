// One WatchEvents call: writes what its subscription has to tell, one item after the other.
//
// Keeps itself alive until gRPC is done with it. The pipeline's thread wakes it, gRPC's threads
// call it; one write is in flight at most, and the call is finished once.
#pragma once

#include <memory>

#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/publish/stream.h"
#include "agent/publish/subscription.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

namespace oomtrail::api {

class WatchReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
  // Begins the call, which ends by itself. Null where the stream takes no more subscribers:
  // `status` says so.
  static std::shared_ptr<WatchReactor> Begin(publish::Stream& stream, const base::Clock& clock,
                                             publish::SubscriptionOptions options,
                                             grpc::Status* status);

  WatchReactor(publish::Stream& stream, const base::Clock& clock)
      : stream_(stream), clock_(clock) {}

  // The agent goes away: the subscriber may try again.
  void End();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // Writes the next item if there is one and nothing is being written.
  void Pump();
  void Conclude(const grpc::Status& status);

  publish::Stream& stream_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::unique_ptr<publish::Subscription> subscription_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ByteBuffer response_;  // gRPC's while writing_
  std::shared_ptr<WatchReactor> self_;
};

// Refuses a call with `status`.
grpc::ServerWriteReactor<grpc::ByteBuffer>* RefuseWatch(const grpc::Status& status);

}  // namespace oomtrail::api
