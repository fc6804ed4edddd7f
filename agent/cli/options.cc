#include "agent/cli/options.h"

#include <string_view>

#include "agent/base/printable.h"
#include "agent/base/strings.h"

namespace oomtrail::cli {
namespace {

// The flag takes no other.
std::string Whole(double value) { return base::StrCat(static_cast<int>(value)); }

std::string OrNone(const std::string& value) { return value.empty() ? "none" : value; }

}  // namespace

std::string_view Name(TrackFlags::What what) {
  switch (what) {
    case TrackFlags::What::kNever: return "never";
    case TrackFlags::What::kOff: return "off";
    case TrackFlags::What::kKernel: return "kernel";
    case TrackFlags::What::kUser: return "user";
    case TrackFlags::What::kAll: return "all";
  }
  return "";
}

std::string Describe(const AgentOptions& options) {
  std::string text;
  const auto line = [&](std::string_view flag, std::string_view value) {
    base::StrAppend(&text, "--", flag, " ", base::Printable(value), "\n");
  };
  const auto on = [](bool value) { return value ? "true" : "false"; };
  line("node-name", options.node_name);
  line("proc-root", options.proc_root);
  line("cgroup-root", options.cgroup_root);
  line("hook-method", options.hook_method ? Name(*options.hook_method) : "auto");
  line("pin", OrNone(options.pin_dir));
  line("cri-endpoint", options.cri_endpoint);
  line("kubelet-url", OrNone(options.kubelet_url));
  line("kubelet-ca", OrNone(options.kubelet_ca));
  line("kubelet-token-file", OrNone(options.kubelet_token_file));
  line("kubelet-insecure", on(options.kubelet_insecure));
  line("pod-labels", base::StrJoin(options.pod_labels, ","));
  line("pod-annotations", base::StrJoin(options.pod_annotations, ","));
  line("journal", OrNone(options.journal_dir));
  line("journal-max-mib", base::StrCat(options.journal_max_mib));
  line("journal-max-days", base::StrCat(options.journal_max_days));
  const ServingFlags& serving = options.serving;
  for (const std::string& address : serving.listen) line("listen", address);
  if (serving.listen.empty()) line("listen", "none");
  line("tls-cert", OrNone(serving.tls_cert));
  line("tls-key", OrNone(serving.tls_key));
  line("tls-client-ca", OrNone(serving.tls_client_ca));
  for (const std::string& name : serving.tls_allow) line("tls-allow", name);
  line("insecure", on(serving.insecure));
  line("max-subscribers", base::StrCat(serving.max_subscribers));
  line("http-listen", OrNone(serving.http_listen));
  line("warn", options.warn.on ? "on" : "off");
  line("warn-seconds", Whole(options.warn.seconds));
  line("warn-percent", Whole(options.warn.percent));
  line("track", Name(options.track.what));
  line("track-rate", options.track.one_in ? base::StrCat("1/", *options.track.one_in) : "adaptive");
  line("track-budget", base::StrCat(options.track.events_per_second));
  line("log-format", options.log_format == base::LogFormat::kJson ? "json" : "text");
  line("record", OrNone(options.record_file));
  return text;
}

}  // namespace oomtrail::cli
