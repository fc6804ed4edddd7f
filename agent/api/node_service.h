// The gRPC NodeService: the agent's own state. Thread-safe; what it is given must outlive it.
#pragma once

#include <functional>
#include <utility>

#include "agent/attribute/pod_directory.h"
#include "agent/publish/node_status.h"
#include "agent/publish/stream.h"
#include "oomtrail/v1/node_service.grpc.pb.h"

namespace oomtrail::api {

class NodeService final : public v1::NodeService::CallbackService {
 public:
  // `status` may be called by any thread.
  NodeService(const publish::Stream& stream, const attribute::PodDirectory& directory,
              std::function<publish::NodeStatus()> status)
      : stream_(stream), directory_(directory), status_(std::move(status)) {}

  grpc::ServerUnaryReactor* GetNodeStatus(grpc::CallbackServerContext* context,
                                          const v1::GetNodeStatusRequest* request,
                                          v1::GetNodeStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListContainers(grpc::CallbackServerContext* context,
                                           const v1::ListContainersRequest* request,
                                           v1::ListContainersResponse* response) override;

 private:
  const publish::Stream& stream_;
  const attribute::PodDirectory& directory_;
  const std::function<publish::NodeStatus()> status_;
};

}  // namespace oomtrail::api
