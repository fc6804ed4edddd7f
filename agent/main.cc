// Wires the two that do not know each other: the command line's agent, and the API it is reached
// by.
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/api/event_service.h"
#include "agent/api/grpc_server.h"
#include "agent/api/http_listener.h"
#include "agent/api/http_server.h"
#include "agent/api/node_service.h"
#include "agent/base/status.h"
#include "agent/cli/command_line.h"
#include "agent/publish/metrics.h"

namespace oomtrail {
namespace {

// Beside the subscribers': for history, status, health and probes.
constexpr size_t kOtherConnections = 64;

api::ServingOptions OptionsOf(const cli::ServingFlags& flags) {
  return {.listen = flags.listen,
          .tls = {.certificate = flags.tls_cert,
                  .key = flags.tls_key,
                  .client_ca = flags.tls_client_ca},
          .tls_allow = flags.tls_allow,
          .insecure = flags.insecure,
          .max_connections = flags.max_subscribers + kOtherConnections};
}

class Servers final : public cli::Serving {
 public:
  Servers(const cli::ServingFlags& flags, const cli::Served& served)
      : events_(served.stream, served.clock),
        nodes_(
            served.stream, served.directory,
            {.status = served.status, .usage = served.usage, .set_tracking = served.set_tracking},
            /*names_clients=*/!flags.tls_allow.empty()) {}

  ~Servers() override {
    constexpr std::chrono::milliseconds kGrace{500};
    if (http_ != nullptr) http_->Stop();
    events_.EndWatches();
    if (grpc_ != nullptr) grpc_->Stop(kGrace);
  }

  absl::Status Open(const cli::ServingFlags& flags, const cli::Served& served) {
    if (!flags.listen.empty()) {
      ASSIGN_OR_RETURN(grpc_,
                       api::GrpcServer::Start(OptionsOf(flags),
                                              {{v1::EventService::service_full_name(), &events_},
                                               {v1::NodeService::service_full_name(), &nodes_}},
                                              served.log));
      grpc_->SetServing(true);
    }
    if (flags.http_listen.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(http_, api::HttpServer::Listen(flags.http_listen, Routes(served)));
    http_->Start();
    return absl::OkStatus();
  }

  std::vector<std::string> addresses() const override {
    std::vector<std::string> addresses;
    if (grpc_ != nullptr) addresses = grpc_->addresses();
    if (http_ != nullptr) addresses.push_back("http://" + http_->address());
    return addresses;
  }

 private:
  static api::HttpResponse Verdict(bool good, const char* bad) {
    constexpr int kUnavailable = 503;
    return good ? api::HttpResponse{.body = "ok\n"}
                : api::HttpResponse{.status = kUnavailable, .body = bad};
  }

  static std::map<std::string, api::HttpServer::Handler> Routes(const cli::Served& served) {
    return {
        {"/metrics",
         [metrics = served.metrics] {
           return api::HttpResponse{.content_type = std::string(publish::Metrics::kContentType),
                                    .body = metrics()};
         }},
        {"/livez", [alive = served.alive] { return Verdict(alive(), "the event loop hangs\n"); }},
        {"/readyz",
         [ready = served.ready] { return Verdict(ready(), "no name source has answered yet\n"); }},
        {"/debug/config", [config = served.config] { return api::HttpResponse{.body = config}; }},
    };
  }

  api::EventService events_;
  api::NodeService nodes_;
  std::unique_ptr<api::GrpcServer> grpc_;
  std::unique_ptr<api::HttpServer> http_;
};

absl::StatusOr<std::unique_ptr<cli::Serving>> Open(const cli::ServingFlags& flags,
                                                   const cli::Served& served) {
  auto servers = std::make_unique<Servers>(flags, served);
  RETURN_IF_ERROR(servers->Open(flags, served));
  return servers;
}

absl::Status Check(const cli::ServingFlags& flags) {
  if (!flags.http_listen.empty()) RETURN_IF_ERROR(api::CheckHttpAddress(flags.http_listen));
  return flags.listen.empty() ? absl::OkStatus() : api::CheckServingOptions(OptionsOf(flags));
}

}  // namespace
}  // namespace oomtrail

int main(int argc, char** argv) {
  return oomtrail::cli::Main(argc, argv, {.check = oomtrail::Check, .open = oomtrail::Open});
}
