// An agent's API that says what a test tells it to: a real gRPC server, on a unix socket in a
// directory of its own or on a loopback port. Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "oomtrail/v1/event_service.pb.h"
#include "oomtrail/v1/node_service.pb.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::fakes {

// The answer to one call of WatchEvents.
struct WatchScript {
  std::vector<v1::WatchEventsResponse> items;
  grpc::Status end;    // after the items …
  bool hold = false;   // … or not until the client goes away, or the server stops
  bool flood = false;  // the items again and again
};

struct ListScript {
  v1::ListEventsResponse page;
  grpc::Status status;
};

class FakeEventServer {
 public:
  FakeEventServer();  // listens from here on
  // On 127.0.0.1.
  explicit FakeEventServer(std::shared_ptr<grpc::ServerCredentials> credentials);
  ~FakeEventServer();

  // As --server takes it.
  std::string address() const;

  // For the next call that has no script yet. A call for which there is none fails.
  void OnWatch(WatchScript script);
  void OnList(ListScript script);
  void OnStatus(v1::GetNodeStatusResponse status);
  // The last one answers all calls that follow.
  void OnUsage(v1::ListUsageResponse usage);
  void OnTracking(grpc::Status status);  // of every call

  std::vector<v1::WatchEventsRequest> watches() const;
  std::vector<v1::ListEventsRequest> lists() const;
  std::vector<v1::ListUsageRequest> usages() const;
  std::vector<v1::SetTrackingRequest> trackings() const;

  // The agent goes away, its socket too; calls in progress are cut off.
  void Stop();
  void Start();

  // OUT_OF_RANGE as the API words it.
  static grpc::Status Expired(const std::string& oldest_cursor);
  // INVALID_ARGUMENT as the API words it.
  static grpc::Status Refused(const std::string& field, const std::string& why);

 private:
  class Events;
  class Node;

  TempDir directory_;
  std::shared_ptr<grpc::ServerCredentials> tcp_credentials_;
  int port_ = 0;
  std::unique_ptr<Events> events_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace oomtrail::fakes
