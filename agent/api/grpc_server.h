// The gRPC server of the agent: listeners, limits, health and reflection around services that
// others provide.
//
// Owned by the agent. Start and Stop by one thread; the rest from any. The services are called by
// gRPC's threads until Stop has returned.
//
// Health and reflection need no more rights than any other call.
#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/api/acceptor.h"
#include "agent/api/live_certificates.h"
#include "agent/api/serving_options.h"
#include "agent/base/log.h"

namespace oomtrail::api {

class GrpcServer {
 public:
  struct Service {
    std::string name;  // "oomtrail.v1.EventService", as health checks ask for it
    grpc::Service* service;
  };

  // INVALID_ARGUMENT for wrong options, as CheckServingOptions; FAILED_PRECONDITION and the like
  // for addresses that cannot be had. Serves when it returns; health says NOT_SERVING until
  // SetServing(true). Services and `log` have to outlive it.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const ServingOptions& options,
                                                           const std::vector<Service>& services,
                                                           const base::Log& log);
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;
  ~GrpcServer() { Stop(std::chrono::milliseconds(0)); }

  // The health of "" and of each service.
  void SetServing(bool serving);

  // As bound, in the order of the options: "unix:///run/x.sock", "127.0.0.1:41234".
  const std::vector<std::string>& addresses() const { return addresses_; }

  using Counts = Acceptor::Counts;
  Counts counts() const { return acceptor_->counts(); }

  // Takes no more connections, removes the sockets, lets running calls end for `grace` and then
  // cancels them. Returns when every call has ended: a service has to heed the cancellation.
  // Idempotent.
  void Stop(std::chrono::milliseconds grace);

 private:
  GrpcServer() = default;

  std::vector<std::string> addresses_;
  std::vector<std::string> service_names_;
  // In this order: the server gives up its credentials before their certificates go, and the
  // acceptor's hand-overs end before the server does.
  std::unique_ptr<LiveCertificates> certificates_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace oomtrail::api
