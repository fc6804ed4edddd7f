// The gRPC NodeService: the agent's own state. Thread-safe; what it is given must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "agent/attribute/pod_directory.h"
#include "agent/publish/node_status.h"
#include "agent/publish/stream.h"
#include "agent/publish/usage_report.h"
#include "oomtrail/v1/node_service.grpc.pb.h"

namespace oomtrail::api {

class NodeService final : public v1::NodeService::CallbackService {
 public:
  // What it asks of the agent, by any thread.
  struct Agent {
    std::function<publish::NodeStatus()> status;
    std::function<publish::UsageReport()> usage;
    // For so many seconds; 0: as flags and pods say again.
    std::function<absl::Status(const kernel::TrackingOptions&, uint32_t)> set_tracking;
  };

  // `names_clients`: who comes by TLS is one of those that --tls-allow names, and may then change
  // what is followed, as may who comes over a unix socket. Without it all of an authority's clients
  // come, and may read.
  NodeService(const publish::Stream& stream, const attribute::PodDirectory& directory, Agent agent,
              bool names_clients = false)
      : stream_(stream),
        directory_(directory),
        agent_(std::move(agent)),
        names_clients_(names_clients) {}

  grpc::ServerUnaryReactor* GetNodeStatus(grpc::CallbackServerContext* context,
                                          const v1::GetNodeStatusRequest* request,
                                          v1::GetNodeStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListContainers(grpc::CallbackServerContext* context,
                                           const v1::ListContainersRequest* request,
                                           v1::ListContainersResponse* response) override;
  grpc::ServerUnaryReactor* ListUsage(grpc::CallbackServerContext* context,
                                      const v1::ListUsageRequest* request,
                                      v1::ListUsageResponse* response) override;
  grpc::ServerUnaryReactor* SetTracking(grpc::CallbackServerContext* context,
                                        const v1::SetTrackingRequest* request,
                                        v1::SetTrackingResponse* response) override;

 private:
  bool MayChange(const grpc::CallbackServerContext& context) const;

  const publish::Stream& stream_;
  const attribute::PodDirectory& directory_;
  const Agent agent_;
  const bool names_clients_;
};

}  // namespace oomtrail::api
