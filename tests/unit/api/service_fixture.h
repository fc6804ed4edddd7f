// The services on a real gRPC server behind a unix socket, and a client of it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/api/event_service.h"
#include "agent/api/node_service.h"
#include "agent/attribute/pod_directory.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/publish/stream_fixture.h"

namespace oomtrail::api {

// The detail of type T that an error carries.
template <typename T>
std::optional<T> DetailOf(const grpc::Status& status) {
  google::rpc::Status message;
  T detail;
  if (!message.ParseFromString(status.error_details())) return std::nullopt;
  for (const auto& any : message.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

class ServiceTest : public publish::StreamTest {
 protected:
  ServiceTest() { Serve(); }
  ~ServiceTest() override { Shut(); }

  void Shut() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  // Anew, over the stream that there is now.
  void Serve() {
    Shut();
    events_ = std::make_unique<EventService>(*stream_, clock_);
    nodes_ = std::make_unique<NodeService>(
        *stream_, directory_,
        NodeService::Agent{.status = [this] { return status_; },
                           .usage = [this] { return usage_; },
                           .set_tracking =
                               [this](const kernel::TrackingOptions& options, uint32_t seconds) {
                                 tracking_ = {options, seconds};
                                 return tracking_answer_;
                               }});
    grpc::ServerBuilder builder;
    const std::string address = "unix:" + (dir_ / "socket");
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(events_.get());
    builder.RegisterService(nodes_.get());
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    stub_ = v1::EventService::NewStub(channel_);
    node_stub_ = v1::NodeService::NewStub(channel_);
  }

  void RestartStream(publish::StreamBounds bounds) {
    Shut();
    Restart(bounds);
    Serve();
  }

  struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReader<v1::WatchEventsResponse>> reader;

    // Absent: the stream has ended.
    std::optional<v1::WatchEventsResponse> Next() {
      v1::WatchEventsResponse response;
      if (!reader->Read(&response)) return std::nullopt;
      return response;
    }
    grpc::Status Cancel() {
      context->TryCancel();
      while (Next()) {
      }
      return reader->Finish();
    }
  };

  Call Watch(const v1::WatchEventsRequest& request) {
    Call call;
    call.context = std::make_unique<grpc::ClientContext>();
    call.context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    call.reader = stub_->WatchEvents(call.context.get(), request);
    return call;
  }

  // Follows from now on, and is certain to be heard: the bookmark has come.
  Call WatchLive(v1::WatchEventsRequest request = {}) {
    request.set_follow(true);
    Call call = Watch(request);
    while (const auto item = call.Next()) {
      if (item->has_bookmark() && item->bookmark().live()) break;
    }
    return call;
  }

  grpc::Status List(const v1::ListEventsRequest& request, v1::ListEventsResponse* response) {
    grpc::ClientContext context;
    response->Clear();
    return stub_->ListEvents(&context, request, response);
  }

  fakes::TempDir dir_;
  attribute::PodDirectory directory_{clock_};
  publish::NodeStatus status_;
  publish::UsageReport usage_;
  std::optional<std::pair<kernel::TrackingOptions, uint32_t>>
      tracking_;  // as it was asked for last
  absl::Status tracking_answer_;
  std::unique_ptr<EventService> events_;
  std::unique_ptr<NodeService> nodes_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EventService::Stub> stub_;
  std::unique_ptr<v1::NodeService::Stub> node_stub_;
};

}  // namespace oomtrail::api
