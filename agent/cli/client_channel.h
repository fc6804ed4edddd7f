// The way to an agent: a gRPC channel over a unix socket or TCP, and what its errors mean to the
// person who gave the address. Thread-safe once made.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/cli/options.h"

namespace oomtrail::cli {

// What --server, --tls-… and --insecure name together.
class ServerAddress {
 public:
  // INVALID_ARGUMENT, in one line with the remedy; nothing is connected to and no file read.
  static absl::StatusOr<ServerAddress> Parse(const ServerOptions& options);

  // As a person writes it: "unix:///run/oomtrail/oomtrail.sock", "node-3:9443".
  const std::string& text() const { return text_; }
  const std::string& target() const { return target_; }            // as gRPC writes it
  const std::string& socket_path() const { return socket_path_; }  // empty: TCP

 private:
  std::string text_;
  std::string target_;
  std::string socket_path_;
};

class ClientChannel {
 public:
  // INVALID_ARGUMENT where a flag or a file is wrong: then nothing was tried.
  static absl::StatusOr<ClientChannel> Create(const ServerOptions& options);

  // A new connection each time, certificates read anew: they are renewed while a watch runs.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect() const;

  const ServerAddress& address() const { return address_; }
  // Why a call failed, in one line: what, where, remedy. PERMISSION_DENIED and UNAUTHENTICATED will
  // not mend by trying again.
  absl::Status Explain(const grpc::Status& status) const;

 private:
  ClientChannel(ServerOptions options, ServerAddress address)
      : options_(std::move(options)), address_(std::move(address)) {}

  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials() const;
  absl::Status ExplainUnreachable(const std::string& said) const;
  absl::Status ExplainTcp(const std::string& said) const;

  ServerOptions options_;
  ServerAddress address_;
};

}  // namespace oomtrail::cli
