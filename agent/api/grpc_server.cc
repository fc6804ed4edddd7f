#include "agent/api/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <cstdlib>
#include <utility>

#include "agent/api/listen_address.h"
#include "agent/api/listener.h"
#include "agent/api/tls_credentials.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

using ConnectionSink = grpc::experimental::ExternalConnectionAcceptor;

constexpr int kSecond = 1000;
constexpr size_t kQuotaBytes = 16 << 20;
// Synchronous handlers: reflection alone. Those beyond are answered RESOURCE_EXHAUSTED.
constexpr int kMaxThreads = 4;

// gRPC writes to stderr what it thinks of every failed handshake: a stranger could fill the log.
// What matters comes back as a status and is ours to say. GRPC_VERBOSITY in the environment, gRPC's
// own switch, brings its messages back.
void SilenceGrpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) {
    ::gpr_set_log_function([](gpr_log_func_args*) {});
  }
}

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(64 << 10);
  builder.SetMaxSendMessageSize(4 << 20);
  builder.SetResourceQuota(
      grpc::ResourceQuota("oomtrail").Resize(kQuotaBytes).SetMaxThreads(kMaxThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);

  // A peer that has vanished is found out, a stream that is merely quiet stays.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60 * kSecond);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20 * kSecond);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // The default of five minutes would drop subscribers that ping sensibly.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10 * kSecond);
  // From the connection to the client's first HTTP/2 settings, TLS included: half-open connections
  // and those that speak something else end here.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5 * kSecond);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 60 * kSecond);

  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 64);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10);
  // Requests are small: no peer gets a larger window by having a fast line.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
}

struct Opened {
  std::vector<Listener> listeners;
  std::vector<std::string> addresses;
};

absl::StatusOr<Opened> OpenListeners(const std::vector<std::string>& listen) {
  Opened opened;
  for (const std::string& text : listen) {
    ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    ASSIGN_OR_RETURN(Listener listener, Listener::Open(address));
    opened.addresses.push_back(listener.address().ToString());
    opened.listeners.push_back(std::move(listener));
  }
  return opened;
}

Acceptor::Door MakeDoor(Listener listener, std::shared_ptr<ConnectionSink> sink) {
  const int listener_fd = listener.fd();
  auto hand_over = [sink = std::move(sink), listener_fd](int fd) {
    ConnectionSink::NewConnectionParameters connection;
    connection.listener_fd = listener_fd;
    connection.fd = fd;
    sink->HandleNewConnection(&connection);
  };
  return {.listener = std::move(listener), .hand_over = std::move(hand_over)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const ServingOptions& options,
                                                              const std::vector<Service>& services,
                                                              const base::Log& log) {
  RETURN_IF_ERROR(CheckServingOptions(options));
  SilenceGrpc();
  std::unique_ptr<GrpcServer> started(new GrpcServer());
  ASSIGN_OR_RETURN(Opened opened, OpenListeners(options.listen));
  started->addresses_ = std::move(opened.addresses);

  // Both are process-wide switches of gRPC, and read by the builder's constructor.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(builder);
  for (const Service& service : services) {
    builder.RegisterService(service.service);
    started->service_names_.push_back(service.name);
  }

  std::shared_ptr<ConnectionSink> plain;
  std::shared_ptr<ConnectionSink> tls;
  constexpr auto kFromFd = grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD;
  if (options.has_tls()) {
    ASSIGN_OR_RETURN(started->certificates_, LiveCertificates::Open(options.tls, log));
    tls = builder.experimental().AddExternalConnectionAcceptor(
        kFromFd, MakeTlsCredentials(started->certificates_->provider(), options.tls_allow, log));
  }
  std::vector<Acceptor::Door> doors;
  for (Listener& listener : opened.listeners) {
    const bool is_unix = listener.address().is_unix();
    if (!is_unix && options.insecure) {
      log.Warn(base::StrCat("INSECURE: no TLS on ", listener.address().ToString(),
                            ": anyone who can reach it can read events of this node"));
    }
    if (!is_unix && tls != nullptr) {
      doors.push_back(MakeDoor(std::move(listener), tls));
      continue;
    }
    if (plain == nullptr) {
      plain = builder.experimental().AddExternalConnectionAcceptor(
          kFromFd, grpc::InsecureServerCredentials());
    }
    doors.push_back(MakeDoor(std::move(listener), plain));
  }

  started->server_ = builder.BuildAndStart();
  if (started->server_ == nullptr) {
    return absl::InternalError(
        "the gRPC server did not start; set GRPC_VERBOSITY=INFO to see gRPC's reason");
  }
  started->SetServing(false);
  ASSIGN_OR_RETURN(started->acceptor_, Acceptor::Start(std::move(doors), options.max_connections));
  return started;
}

void GrpcServer::SetServing(bool serving) {
  if (server_ == nullptr) return;
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus("", serving);
  for (const std::string& name : service_names_) health->SetServingStatus(name, serving);
}

void GrpcServer::Stop(std::chrono::milliseconds grace) {
  if (server_ == nullptr) return;
  SetServing(false);
  if (acceptor_ != nullptr) acceptor_->StopAccepting();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  server_.reset();
  if (acceptor_ != nullptr) acceptor_->EndConnections();
}

}  // namespace oomtrail::api
