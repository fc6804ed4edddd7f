// What a command was told to do, checked. Values, made by command_line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/log.h"
#include "agent/cli/serving.h"
#include "agent/forecast/alarm.h"
#include "agent/kernel/allocation_tracker.h"
#include "agent/model/kernel_record.h"
#include "agent/publish/event_filter.h"

namespace oomtrail::cli {

// Exit codes of every command.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // it was tried and did not work
inline constexpr int kExitUsage = 2;   // a flag, file or certificate is wrong: nothing was tried

// Whose allocations are followed, and how many of them.
struct TrackFlags {
  // Nothing: not even pods that ask for it by annotation. Off: those alone.
  enum class What { kNever, kOff, kKernel, kUser, kAll };

  What what = What::kOff;
  std::optional<uint32_t> one_in;  // absent: adaptive
  uint32_t events_per_second = kernel::TrackingOptions{}.events_per_second;
};
std::string_view Name(TrackFlags::What what);

struct AgentOptions {
  std::string node_name;
  std::string proc_root = "/proc";
  std::string cgroup_root = "/sys/fs/cgroup";
  std::optional<model::HookMethod> hook_method;  // absent: auto
  std::string pin_dir;                           // empty: none
  bool pin_by_default = false;                   // nobody asked for pins: no bpffs is no complaint
  std::string cri_endpoint = "auto";             // "auto", "none" or a socket
  std::string kubelet_url;                       // empty: none
  std::string kubelet_ca;
  std::string kubelet_token_file;
  bool kubelet_insecure = false;
  // Which labels and annotations of a pod are shown: keys, prefixes with a * at the end, or none.
  std::vector<std::string> pod_labels = {"app", "k8s-app", "app.kubernetes.io/*"};
  std::vector<std::string> pod_annotations = {"none"};
  base::LogFormat log_format = base::LogFormat::kText;
  std::string record_file;  // empty: none
  std::string journal_dir;  // empty: in memory
  bool journal_by_default = false;
  uint32_t journal_max_mib = 64;
  uint32_t journal_max_days = 7;
  ServingFlags serving;
  forecast::WarnRule warn;
  TrackFlags track;
};

// Every flag and its value, one a line as "--name value", for people. Nothing in it is secret:
// secrets are in the files that are named.
std::string Describe(const AgentOptions& options);

// demo --here.
struct HereOptions {
  std::string proc_root;
  std::string cgroup_root;
  std::string once_file;  // empty: every time
};

struct CleanupOptions {
  std::string pin_dir;  // empty: left alone, as the next two
  std::string listen;   // unix:///path
  std::string journal_dir;
  bool stay = false;  // until SIGTERM, when all is done
  std::string await;  // NAMESPACE/NAME of the DaemonSet to wait for, and nothing else
  std::string timeout = "2m";
  std::string account_dir = "/var/run/secrets/kubernetes.io/serviceaccount";
};

struct ExplainOptions {
  std::vector<std::string> paths;  // "-": from stdin, one a line
};

struct ReplayOptions {
  std::string file;
  base::LogFormat log_format = base::LogFormat::kText;
};

// Which agent a client asks, and how it is reached.
struct ServerOptions {
  std::string address = "unix:///run/oomtrail/oomtrail.sock";  // or HOST:PORT
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_server_name;  // empty: the address's host
  bool insecure = false;        // plaintext over TCP
};

enum class OutputFormat { kCompact, kWide, kTable, kJson };
enum class ColorWhen { kAuto, kAlways, kNever };

// What watch, list and status have in common.
struct ClientOptions {
  ServerOptions server;
  OutputFormat output = OutputFormat::kCompact;
  ColorWhen color = ColorWhen::kAuto;
};

// watch and list: which events, from where, and whether it goes on.
struct EventOptions {
  ClientOptions client;
  publish::EventSelection selection;
  std::optional<int64_t> since_wall_ns;
  uint32_t last = 0;   // only the newest; 0: all
  std::string cursor;  // continue after it; empty: none
  bool follow = false;
  bool reconnect = false;
  uint32_t stop_after = 0;       // end after so many events; 0: never
  uint32_t timeout_seconds = 0;  // end after so long; 0: never
};

// top: whose memory, in which order, how often.
struct TopOptions {
  enum class Sort { kLimit, kGrowth, kUsage, kKernel };

  ClientOptions client;
  std::vector<std::string> namespaces;  // empty: all
  Sort sort = Sort::kLimit;
  uint32_t interval_seconds = 2;
  bool once = false;
  bool track = false;  // have allocations followed meanwhile
};

}  // namespace oomtrail::cli
