// A gRPC client for the tests of this folder, of the two services that gRPC itself brings. Their
// messages are two fields long and written out here. Not thread-safe.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <vector>

namespace oomtrail::api {

// A channel with a connection of its own. `name`: what the server's certificate has to be for.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                           const std::shared_ptr<grpc::ChannelCredentials>&
                                               credentials = grpc::InsecureChannelCredentials(),
                                           const std::string& name = "");

// grpc.health.v1.Health/Check: "SERVING", "NOT_SERVING", or the failed call's code and message.
// `server_pem`, if given, becomes the certificate that the server showed.
std::string CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                        const std::string& service = "", std::string* server_pem = nullptr);

// grpc.reflection.v1alpha.ServerReflection: what list_services answers, as bytes.
std::string ListServices(const std::shared_ptr<grpc::Channel>& channel);

// grpc.health.v1.Health/Watch: a stream that tells each change.
class HealthWatch {
 public:
  explicit HealthWatch(const std::shared_ptr<grpc::Channel>& channel);
  ~HealthWatch();
  // The next state; "" at the stream's end or after 20 s.
  std::string Next();
  // Waits for the end. How the call ended.
  grpc::StatusCode Finish();

 private:
  bool Await();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool finished_ = false;
};

}  // namespace oomtrail::api
