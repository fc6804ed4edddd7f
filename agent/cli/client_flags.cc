#include "agent/cli/client_flags.h"

#include <CLI/CLI.hpp>
#include <map>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/filter_argument.h"
#include "agent/cli/flag.h"
#include "agent/cli/time_argument.h"

namespace oomtrail::cli {
namespace {

constexpr uint32_t kMaxLast = 1000;
constexpr uint32_t kMaxStopAfter = 10'000;
constexpr size_t kMaxExcludes = 32;

// "text" is status's word for what is not JSON: one variable can then be set for all three.
const std::map<std::string, OutputFormat>& Formats() {
  static const auto& formats =
      *new std::map<std::string, OutputFormat>{{"text", OutputFormat::kCompact},
                                               {"compact", OutputFormat::kCompact},
                                               {"wide", OutputFormat::kWide},
                                               {"table", OutputFormat::kTable},
                                               {"json", OutputFormat::kJson}};
  return formats;
}

const std::map<std::string, TopOptions::Sort>& Sorts() {
  static const auto& sorts =
      *new std::map<std::string, TopOptions::Sort>{{"limit", TopOptions::Sort::kLimit},
                                                   {"growth", TopOptions::Sort::kGrowth},
                                                   {"usage", TopOptions::Sort::kUsage},
                                                   {"kernel", TopOptions::Sort::kKernel}};
  return sorts;
}

// Given again, or as a list: -n a -n b, -n a,b.
void Names(CLI::App& app, const std::string& name, std::vector<std::string>& values,
           const std::string& help, const std::string& letter = "") {
  Flag(app, name, values, help, letter)->allow_extra_args(false)->delimiter(',');
}

void AddServerFlags(CLI::App& app, RawClientFlags& raw) {
  ServerOptions& server = raw.options.server;
  Flag(app, "server", server.address, "The agent: unix:///path, or HOST:PORT for TCP")
      ->capture_default_str()
      ->group("Connection");
  Flag(app, "tls-ca", server.tls_ca, "CA certificates (PEM) that a TCP agent must match")
      ->group("Connection");
  Flag(app, "tls-cert", server.tls_cert, "This client's certificate (PEM)")->group("Connection");
  Flag(app, "tls-key", server.tls_key, "Its private key (PEM)")->group("Connection");
  Flag(app, "tls-server-name", server.tls_server_name,
       "The name in the agent's certificate [the host of --server]")
      ->group("Connection");
  Switch(app, "insecure", server.insecure,
         "TCP without TLS. Anyone on the way can then read and forge events")
      ->group("Connection");
}

void AddColor(CLI::App& app, RawClientFlags& raw) {
  Flag(app, "color", raw.color, "auto: on a terminal, unless NO_COLOR is set; always; never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str()
      ->group("Output");
}

void AddEventFlags(CLI::App& app, RawClientFlags& raw) {
  Flag(app, "since", raw.since,
       "Begin with what happened since: 90s, 30m, 1h, 2d, or an RFC 3339\n"
       "time")
      ->group("From where");
  Flag(app, "last", raw.last, "Of the history, only the newest so many that match (at most 1000)")
      ->check(CLI::Range(uint32_t{1}, kMaxLast).description(""))
      ->group("From where");
  Flag(app, "cursor", raw.cursor,
       "Continue after this cursor, which each event has in -o json. Not with\n"
       "--since or --last")
      ->group("From where");

  Names(app, "namespace", raw.namespaces,
        "Only of this namespace; may be given again, as the other\n"
        "filters: any of the values matches, and each flag that is given must",
        "-n");
  Switch(app, "all-namespaces", raw.all_namespaces, "Of all namespaces: the default, over any -n",
         "-A");
  Names(app, "pod", raw.pods, "Only of this pod; a * at the end matches any rest");
  Names(app, "container", raw.containers, "Only of containers of this name", "-c");
  Names(app, "label", raw.labels, "Only of pods with KEY=VALUE; of several, all", "-l");
  Names(app, "workload", raw.workloads, "Only of this workload: Deployment/cart, or only cart");
  Names(app, "scope", raw.scopes,
        "Only where this was exhausted: container, pod, ancestor, node, cpuset,\n"
        "mempolicy, manual, host");
  Names(app, "kind", raw.kinds,
        "Only of this kind: oom_kill, oom_without_kill, early_warning, lost");
  Flag(app, "exclude", raw.excludes,
       "Not these: PART=VALUE, with the filters' names as parts; several with\n"
       "commas must all match. May be given again")
      ->allow_extra_args(false);
  for (const char* name : {"--namespace", "--all-namespaces", "--pod", "--container", "--label",
                           "--workload", "--scope", "--kind", "--exclude"}) {
    app.get_option(name)->group("Filters");
  }

  Flag(app, "output", raw.output,
       "compact, a line as in the agent's log; wide, with node, id, cgroup and\n"
       "what is missing; table, fitted to the terminal; json, an object a line",
       "-o")
      ->check(CLI::IsMember(Formats()).description(""))
      ->capture_default_str()
      ->group("Output");
  AddColor(app, raw);
}

absl::Status CheckStart(const RawClientFlags& raw) {
  if (raw.cursor.empty() || (raw.since.empty() && raw.last == 0)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--cursor continues with the next event: it cannot be together with --since or --last");
}

}  // namespace

void AddWatchFlags(CLI::App& app, RawClientFlags& raw) {
  AddEventFlags(app, raw);
  Switch(app, "follow", raw.follow, "What watch does anyway; there for the habit", "-f")
      ->group("From where");
  Switch(app, "reconnect", raw.reconnect,
         "When the agent goes away, try again, and continue where it stopped")
      ->group("Connection");
  Flag(app, "stop-after", raw.stop_after,
       "End, with exit code 0, once so many events were told; one that is amended\n"
       "counts once")
      ->check(CLI::Range(uint32_t{1}, kMaxStopAfter).description(""))
      ->group("Until when");
  Flag(app, "timeout", raw.timeout,
       "End after so long (90s, 5m): with exit code 1 if --stop-after is not yet\n"
       "reached")
      ->group("Until when");
  AddServerFlags(app, raw);
  app.footer(
      "Ends with ctrl-C, or as told. The table shows USAGE from 100 columns on and WORKLOAD from "
      "140;\n"
      "there a + after the time marks an event told before that has got its names, a ~ after\n"
      "the scope one that was inferred.\n"
      "\n"
      "Examples:\n"
      "  oomtrail watch --last 20 -o table          the newest 20, then what happens\n"
      "  oomtrail watch -n shop --pod 'cart-*' --reconnect\n"
      "                                             one workload, through upgrades of the agent\n"
      "  oomtrail watch --exclude namespace=kube-system --exclude scope=host,kind=oom_kill\n"
      "  oomtrail watch --since 1h -n shop --pod cart-7d9f --stop-after 1 --timeout 60s\n"
      "                                             for scripts: was it killed, or will it be?\n"
      "  oomtrail watch -o json | jq -r 'select(.kind == \"oom_kill\") | .pod.name'");
}

void AddListFlags(CLI::App& app, RawClientFlags& raw) {
  Switch(app, "follow", raw.follow, "Then go on with what happens, as watch does", "-f")
      ->group("From where");
  AddEventFlags(app, raw);
  Switch(app, "reconnect", raw.reconnect,
         "With -f: when the agent goes away, try again, and continue")
      ->group("Connection");
  AddServerFlags(app, raw);
  app.footer(
      "Examples:\n"
      "  oomtrail list --since 1h -o table\n"
      "  oomtrail list --since 2026-11-21T05:00:00Z -n shop -l app=cart\n"
      "  oomtrail list --scope node,ancestor --last 5 -o wide\n"
      "                                    whose own limit was not to blame");
}

void AddStatusFlags(CLI::App& app, RawClientFlags& raw) {
  raw.output = "text";
  Flag(app, "output", raw.output, "text, or json: one object in one line", "-o")
      ->check(CLI::IsMember(Formats()).description(""))
      ->capture_default_str()
      ->group("Output");
  AddColor(app, raw);
  AddServerFlags(app, raw);
  app.footer(
      "A ! marks what is wrong.\n"
      "\n"
      "Examples:\n"
      "  oomtrail status\n"
      "  oomtrail status -o json | jq .losses\n"
      "  oomtrail status --server node-3:9443 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key");
}

void AddTopFlags(CLI::App& app, RawClientFlags& raw) {
  raw.output = "table";
  Names(app, "namespace", raw.namespaces, "Only of this namespace; may be given again", "-n");
  Switch(app, "all-namespaces", raw.all_namespaces,
         "Of all namespaces, and what is in none: the default, over any -n", "-A");
  for (const char* name : {"--namespace", "--all-namespaces"})
    app.get_option(name)->group("Filters");
  Flag(app, "interval", raw.interval, "How often: 1s, 30s, 5m")
      ->capture_default_str()
      ->group("Output");
  // These two not in the environment: OOMTRAIL_ONCE is demo's, OOMTRAIL_TRACK the agent's, and
  // another thing.
  app.add_flag("-1,--once", raw.once, "One table, and exit")->group("Output");
  Flag(app, "sort", raw.sort,
       "limit: who reaches a limit first, then who grows most; growth; usage;\n"
       "kernel: who allocates most kernel memory, where that is followed")
      ->check(CLI::IsMember(Sorts()).description(""))
      ->capture_default_str()
      ->group("Output");
  app.add_flag("--track", raw.track,
               "Have the agent follow allocations for as long as this runs: then the\n"
               "rates of kernel memory are shown, of containers and of processes")
      ->group("Output");
  Flag(app, "output", raw.output, "table; json, an object a line", "-o")
      ->check(CLI::IsMember(Formats()).description(""))
      ->capture_default_str()
      ->group("Output");
  AddColor(app, raw);
  AddServerFlags(app, raw);
  app.footer(
      "USAGE is without page cache that the kernel can simply drop; GROWTH is of that, too. LIMIT "
      "is "
      "the\n"
      "one that is reached first: a ^ marks one of a cgroup above, such as the pod's. TO-LIMIT is "
      "when, "
      "at\n"
      "this growth; WARNED, whether an early warning stands. KERNEL-RATE is what the kernel "
      "allocates "
      "for\n"
      "it, concluded from samples, with one standard error. Red: less than half a minute away.\n"
      "On a terminal the table is drawn anew each time; else one follows the other.\n"
      "\n"
      "Examples:\n"
      "  oomtrail top                          who will be killed next?\n"
      "  oomtrail top -n shop --sort growth    who leaks?\n"
      "  oomtrail top --track --sort kernel    who takes kernel memory: sockets, pipes, dentries\n"
      "  oomtrail top --once -o json | jq '.usages[] | select(.warned) | .pod.name'");
}

absl::StatusOr<TopOptions> FinishTop(const RawClientFlags& raw) {
  constexpr uint32_t kMaxInterval = 3600;
  constexpr size_t kMaxNamespaces = 64;
  TopOptions options{.client = FinishClient(raw),
                     .sort = Sorts().at(raw.sort),
                     .once = raw.once,
                     .track = raw.track};
  if (!raw.all_namespaces) options.namespaces = raw.namespaces;
  if (options.namespaces.size() > kMaxNamespaces) {
    return absl::InvalidArgumentError(
        base::StrCat("namespace: at most ", kMaxNamespaces, " values"));
  }
  const auto interval = ParseTimeoutSeconds(raw.interval);
  if (!interval.ok()) return base::Annotate(interval.status(), "--interval");
  if (*interval > kMaxInterval) {
    return absl::InvalidArgumentError(base::StrCat("--interval ", raw.interval, ": at most 1h"));
  }
  options.interval_seconds = *interval;
  return options;
}

ClientOptions FinishClient(const RawClientFlags& raw) {
  ClientOptions options = raw.options;
  options.output = Formats().at(raw.output);
  options.color = raw.color == "always"  ? ColorWhen::kAlways
                  : raw.color == "never" ? ColorWhen::kNever
                                         : ColorWhen::kAuto;
  return options;
}

absl::StatusOr<EventOptions> FinishEvents(const RawClientFlags& raw, int64_t now_wall_ns) {
  EventOptions options;
  options.client = FinishClient(raw);
  RETURN_IF_ERROR(CheckStart(raw));
  if (!raw.since.empty()) {
    auto since = ParseSince(raw.since, now_wall_ns);
    if (!since.ok()) return base::Annotate(since.status(), "--since");
    options.since_wall_ns = *since;
  }
  options.last = raw.last;
  options.cursor = raw.cursor;
  options.follow = raw.follow;
  options.reconnect = raw.reconnect;
  options.stop_after = raw.stop_after;
  if (!raw.timeout.empty()) {
    const auto timeout = ParseTimeoutSeconds(raw.timeout);
    if (!timeout.ok()) return base::Annotate(timeout.status(), "--timeout");
    options.timeout_seconds = *timeout;
  }

  publish::EventFilter allow;
  if (!raw.all_namespaces) RETURN_IF_ERROR(AddToFilter("namespace", raw.namespaces, allow));
  RETURN_IF_ERROR(AddToFilter("pod", raw.pods, allow));
  RETURN_IF_ERROR(AddToFilter("container", raw.containers, allow));
  RETURN_IF_ERROR(AddToFilter("label", raw.labels, allow));
  RETURN_IF_ERROR(AddToFilter("workload", raw.workloads, allow));
  RETURN_IF_ERROR(AddToFilter("scope", raw.scopes, allow));
  RETURN_IF_ERROR(AddToFilter("kind", raw.kinds, allow));
  const bool any = !allow.namespaces.empty() || !allow.pods.empty() || !allow.containers.empty() ||
                   !allow.labels.empty() || !allow.workloads.empty() || !allow.scopes.empty() ||
                   !allow.kinds.empty();
  if (any) options.selection.allow.push_back(std::move(allow));
  if (raw.excludes.size() > kMaxExcludes) {
    return absl::InvalidArgumentError(base::StrCat("--exclude: at most ", kMaxExcludes));
  }
  for (const std::string& exclude : raw.excludes) {
    ASSIGN_OR_RETURN(auto deny, ParseExclude(exclude));
    options.selection.deny.push_back(std::move(deny));
  }
  return options;
}

}  // namespace oomtrail::cli
