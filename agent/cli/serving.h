// How the agent is reached from outside, as far as it must know. main.cc gives it the means.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/publish/node_status.h"
#include "agent/publish/stream.h"
#include "agent/publish/usage_report.h"

namespace oomtrail::cli {

struct ServingFlags {
  std::vector<std::string> listen;  // gRPC; empty: nowhere
  bool listen_by_default = false;   // nobody asked for it: that it cannot be is no error
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::vector<std::string> tls_allow;
  bool insecure = false;
  size_t max_subscribers = 256;
  std::string http_listen;  // empty: nowhere
};

// What is served. The functions may be called by any thread; all of it outlives the server.
struct Served {
  publish::Stream& stream;
  const attribute::PodDirectory& directory;
  const base::Clock& clock;
  const base::Log& log;
  std::function<publish::NodeStatus()> status;
  std::function<publish::UsageReport()> usage;
  std::function<absl::Status(const kernel::TrackingOptions&, uint32_t seconds)> set_tracking;
  std::function<std::string()> metrics;  // in Prometheus' text form
  std::function<bool()> alive;           // the pipeline moves
  std::function<bool()> ready;           // hooks armed, and a name source has answered
  std::string config;                    // for people, without secrets
};

// Serves from its making to its end.
class Serving {
 public:
  virtual ~Serving() = default;
  // Where, for the log: "unix:///run/oomtrail/oomtrail.sock".
  virtual std::vector<std::string> addresses() const = 0;
};

struct ServingDoor {
  // What is wrong with the flags or the files they name; before anything is done.
  std::function<absl::Status(const ServingFlags&)> check;
  std::function<absl::StatusOr<std::unique_ptr<Serving>>(const ServingFlags&, const Served&)> open;
};

}  // namespace oomtrail::cli
