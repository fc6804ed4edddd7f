#include "agent/cli/agent_flags.h"

#include <sys/utsname.h>

#include <map>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/attribute/pod_wishes.h"
#include "agent/base/strings.h"
#include "agent/cli/flag.h"

namespace oomtrail::cli {
namespace {

constexpr const char* kDefaultJournalDir = "/var/lib/oomtrail";

std::string HostName() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

const std::map<std::string, model::HookMethod>& Methods() {
  static const auto& methods =
      *new std::map<std::string, model::HookMethod>{{"fentry", model::HookMethod::kFentry},
                                                    {"kprobe", model::HookMethod::kKprobe},
                                                    {"tp_btf", model::HookMethod::kTpBtf},
                                                    {"tracepoint", model::HookMethod::kTracepoint},
                                                    {"kmsg", model::HookMethod::kKmsg}};
  return methods;
}

// "adaptive", or 1/N.
absl::StatusOr<std::optional<uint32_t>> ParseRate(std::string_view text) {
  if (text == "adaptive") return std::nullopt;
  uint32_t one_in = 0;
  const bool plain = base::ConsumePrefix(&text, "1/") && !text.empty() &&
                     text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!plain || !base::SimpleAtoi(text, &one_in) || one_in == 0 ||
      one_in > kernel::TrackingOptions::kMaxOneIn) {
    return absl::InvalidArgumentError(
        base::StrCat("adaptive, or 1/N with N from 1 to ", kernel::TrackingOptions::kMaxOneIn));
  }
  return one_in;
}

TrackFlags::What TrackedNamed(std::string_view word) {
  using enum TrackFlags::What;
  for (const auto what : {kNever, kOff, kKernel, kUser, kAll}) {
    if (Name(what) == word) return what;
  }
  return kOff;  // the parser lets no other through
}

}  // namespace

void AddLogFormat(CLI::App& app, RawFlags& raw) {
  Flag(app, "log-format", raw.log_format, "One event a line, as text or as JSON (docs/events.md)")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void AddNodeFlags(CLI::App& app, RawFlags& raw) {
  AgentOptions& options = raw.options;
  Flag(app, "node-name", options.node_name, "This node's name in every event [the host name]");
  Flag(app, "proc-root", options.proc_root, "The host's /proc")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  Flag(app, "cgroup-root", options.cgroup_root, "The host's cgroup mount")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  Flag(app, "hook-method", raw.hook_method,
       "How to see kills: auto takes the best that this kernel allows; else fentry, kprobe,\n"
       "tp_btf, tracepoint or kmsg, and nothing in its place")
      ->check(CLI::IsMember({"auto", "fentry", "kprobe", "tp_btf", "tracepoint", "kmsg"}))
      ->capture_default_str();
}

void AddSourceFlags(CLI::App& app, RawFlags& raw) {
  AgentOptions& options = raw.options;
  Flag(app, "cri-endpoint", options.cri_endpoint,
       "The container runtime's socket, for pod names: auto finds containerd, CRI-O and\n"
       "cri-dockerd, also when they come later; none asks no runtime; else unix:///path")
      ->capture_default_str();
  Flag(app, "kubelet-url", options.kubelet_url,
       "The kubelet, for owners and labels: https://NODE:10250 [not asked]");
  Flag(app, "kubelet-ca", options.kubelet_ca, "CA certificates (PEM) that the kubelet must match");
  Flag(app, "kubelet-token-file", options.kubelet_token_file,
       "Bearer token for the kubelet, read anew at each request");
  Switch(app, "kubelet-insecure", options.kubelet_insecure,
         "Do not verify the kubelet's certificate. Anyone on the way can then lie about names");
  Flag(app, "pod-labels", options.pod_labels,
       "Which labels of a pod its events show: keys, and prefixes that end in *, with commas\n"
       "between; none shows none")
      ->delimiter(',')
      ->capture_default_str();
  Flag(app, "pod-annotations", options.pod_annotations,
       "The same for its annotations, which may hold secrets")
      ->delimiter(',')
      ->capture_default_str();
}

void AddPin(CLI::App& app, RawFlags& raw) {
  Flag(app, "pin", raw.pin,
       std::string("Keep collecting in the kernel while no agent runs: a directory in a bpffs, or\n"
                   "none [") +
           kDefaultPinDir + " where there is a bpffs]");
}

void AddJournalFlags(CLI::App& app, RawFlags& raw) {
  AgentOptions& options = raw.options;
  Flag(app, "journal", raw.journal,
       std::string("Where events are kept for those who come later: a directory, or none for\n"
                   "memory alone [") +
           kDefaultJournalDir + " where it can be made]");
  Flag(app, "journal-max-mib", options.journal_max_mib, "Its size; the oldest events go first")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  Flag(app, "journal-max-days", options.journal_max_days, "The age of its oldest events")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
}

void AddServingFlags(CLI::App& app, RawFlags& raw) {
  ServingFlags& serving = raw.options.serving;
  Flag(app, "listen", serving.listen,
       std::string("Where gRPC clients are served: unix:///path, HOST:PORT or :PORT; may be given\n"
                   "more than once; none serves nobody [") +
           kDefaultListen + " where it can be made]")
      ->delimiter(',');
  Flag(app, "tls-cert", serving.tls_cert,
       "For HOST:PORT: this agent's certificate (PEM); read anew when it changes");
  Flag(app, "tls-key", serving.tls_key, "Its private key");
  Flag(app, "tls-client-ca", serving.tls_client_ca,
       "The CA that every client's certificate must be of");
  Flag(app, "tls-allow", serving.tls_allow,
       "Clients that may connect, by a name in their certificate (DNS or URI SAN); may be given\n"
       "more than once [all of that CA]")
      ->delimiter(',');
  app.add_flag("--insecure", serving.insecure,
               "Serve HOST:PORT without TLS: anyone who reaches it reads this node's events")
      ->envname(EnvironmentName("insecure"));
  Flag(app, "max-subscribers", serving.max_subscribers,
       "gRPC subscribers at once; further ones are refused")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  Flag(app, "http-listen", serving.http_listen,
       "Where /metrics, /livez, /readyz and /debug/config are served: ADDR:PORT [nowhere]");
}

void AddWarnFlags(CLI::App& app, RawFlags& raw) {
  forecast::WarnRule& rule = raw.options.warn;
  Flag(app, "warn", raw.warn, "Warn before a memory limit is reached: on, or off for nothing of it")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  Flag(app, "warn-seconds", rule.seconds,
       "Warn when a container that grows will reach a limit within so many seconds; 0: never\n"
       "for growth. Pods may say otherwise by the annotation oomtrail.io/warn-seconds")
      ->check(CLI::Range(0, attribute::kMaxWarnSeconds))
      ->capture_default_str();
  Flag(app, "warn-percent", rule.percent,
       "Warn when so much of a limit is in use; 100: never for the level. Pods may say\n"
       "otherwise by oomtrail.io/warn-percent, and want no warning at all by oomtrail.io/warn:\n"
       "\"off\"")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
}

void AddTrackFlags(CLI::App& app, RawFlags& raw) {
  Flag(app, "track", raw.track,
       "Follow allocations, for oomtrail top: of kernel memory, of user memory, or all; off:\n"
       "only those of pods with the annotation oomtrail.io/track: \"on\"; never: not even those")
      ->check(CLI::IsMember({"never", "off", "kernel", "user", "all"}))
      ->capture_default_str();
  Flag(app, "track-rate", raw.track_rate,
       "How many of them: adaptive holds --track-budget, 1/N takes one in N")
      ->check(CLI::Validator(
          [](std::string& text) {
            const auto rate = ParseRate(text);
            return rate.ok() ? "" : base::StrCat("not ", rate.status().message());
          },
          ""))
      ->capture_default_str();
  Flag(app, "track-budget", raw.options.track.events_per_second,
       "For adaptive: so many events a second on this node")
      ->check(CLI::Range(uint32_t{1}, kernel::TrackingOptions::kMaxEventsPerSecond))
      ->capture_default_str();
}

AgentOptions Finish(const RawFlags& raw) {
  AgentOptions options = raw.options;
  if (options.node_name.empty()) options.node_name = HostName();
  if (raw.hook_method != "auto") options.hook_method = Methods().at(raw.hook_method);
  if (raw.pin.empty()) {
    options.pin_dir = kDefaultPinDir;
    options.pin_by_default = true;
  } else if (raw.pin != "none") {
    options.pin_dir = raw.pin;
  }
  if (raw.journal.empty()) {
    options.journal_dir = kDefaultJournalDir;
    options.journal_by_default = true;
  } else if (raw.journal != "none") {
    options.journal_dir = raw.journal;
  }
  if (options.serving.listen.empty()) {
    options.serving.listen = {kDefaultListen};
    options.serving.listen_by_default = true;
  } else if (options.serving.listen == std::vector<std::string>{"none"}) {
    options.serving.listen.clear();
  }
  options.warn.on = raw.warn == "on";
  options.track.what = TrackedNamed(raw.track);
  options.track.one_in = ParseRate(raw.track_rate).value_or(std::nullopt);
  if (raw.log_format == "json") options.log_format = base::LogFormat::kJson;
  return options;
}

}  // namespace oomtrail::cli
