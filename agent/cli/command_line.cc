#include "agent/cli/command_line.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <iostream>
#include <map>
#include <string>

#include "agent/attribute/pod_wishes.h"
#include "agent/base/clock.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/cli/client_flags.h"
#include "agent/cli/client_session.h"
#include "agent/cli/commands.h"
#include "agent/cli/flag.h"
#include "agent/cli/kill_here.h"
#include "agent/cli/scratch_kill.h"

namespace oomtrail::cli {
namespace {

constexpr const char* kAbout =
    "oomtrail: who was OOM-killed on this node, whose limit was hit, and who caused it.\n"
    "\n"
    "It sees every OOM kill in the kernel, names the pod and container that lost a process,\n"
    "and writes one line per kill; and a line before, where memory grows towards a limit.\n"
    "\n"
    "  oomtrail doctor     what works on this node, before anything is installed\n"
    "  oomtrail demo       a real kill in a scratch cgroup, attributed and shown\n"
    "  oomtrail agent      the node agent: one line per kill on stdout\n"
    "  oomtrail watch      the kills that a running agent sees, as they happen\n"
    "  oomtrail top        who will reach a memory limit next";

constexpr const char* kFooter =
    "Every flag can be given in the environment: --node-name is OOMTRAIL_NODE_NAME.\n"
    "Exit codes: 0 done, 1 tried and failed, 2 a flag or file is wrong and nothing was tried.";

constexpr const char* kDefaultPinDir = "/sys/fs/bpf/oomtrail";
constexpr const char* kDefaultJournalDir = "/var/lib/oomtrail";
constexpr const char* kDefaultListen = "unix:///run/oomtrail/oomtrail.sock";

std::string HostName() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

// The flags of one command; `options` is complete when the texts beside it have been read. Each
// command has its own, because a variable in the environment sets the flag of all of them.
struct RawFlags {
  AgentOptions options;
  std::string hook_method = "auto";
  std::string pin;
  std::string log_format = "text";
  std::string journal;
  std::string warn = "on";
  std::string track = "off";
  std::string track_rate = "adaptive";
};

const std::map<std::string, model::HookMethod>& Methods() {
  static const auto& methods =
      *new std::map<std::string, model::HookMethod>{{"fentry", model::HookMethod::kFentry},
                                                    {"kprobe", model::HookMethod::kKprobe},
                                                    {"tp_btf", model::HookMethod::kTpBtf},
                                                    {"tracepoint", model::HookMethod::kTracepoint},
                                                    {"kmsg", model::HookMethod::kKmsg}};
  return methods;
}

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

void AddCleanupFlags(CLI::App& app, CleanupOptions& options) {
  options.pin_dir = kDefaultPinDir;
  options.listen = kDefaultListen;
  Flag(app, "pin", options.pin_dir, "The agent's --pin, or none")->capture_default_str();
  Flag(app, "listen", options.listen, "The agent's unix socket, or none")->capture_default_str();
  Flag(app, "journal", options.journal_dir, "Its journal's directory too [kept]");
  CLI::Option* stay = Switch(app, "stay", options.stay,
                             "Then wait for SIGTERM: for a DaemonSet, whose containers never end");
  Flag(app, "await", options.await,
       "Remove nothing here: wait until the DaemonSet NAMESPACE/NAME is ready on every node. In a\n"
       "pod whose account may get it")
      ->excludes(stay);
  Flag(app, "timeout", options.timeout,
       "For so long; nodes that are not ready then are counted, and it ends well")
      ->capture_default_str();
  Flag(app, "service-account", options.account_dir,
       "Where --await finds the account's token and ca.crt")
      ->capture_default_str();
}

CleanupOptions FinishCleanup(CleanupOptions options) {
  for (std::string* kept : {&options.pin_dir, &options.listen, &options.journal_dir}) {
    if (*kept == "none") kept->clear();
  }
  return options;
}

TrackFlags::What TrackedNamed(std::string_view word) {
  using enum TrackFlags::What;
  for (const auto what : {kNever, kOff, kKernel, kUser, kAll}) {
    if (Name(what) == word) return what;
  }
  return kOff;  // the parser lets no other through
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

int Refuse(const absl::Status& status) {
  Say(std::string_view(status.message().data(), status.message().size()));
  return kExitUsage;
}

int RunEvents(int (*run)(const EventOptions&), const RawClientFlags& raw) {
  const auto options = FinishEvents(raw, base::SystemClock().WallNanos());
  return options.ok() ? run(*options) : Refuse(options.status());
}

int RunTopOr(const RawClientFlags& raw) {
  const auto options = FinishTop(raw);
  return options.ok() ? RunTop(*options) : Refuse(options.status());
}

// A standard descriptor that is closed would be the number of the next file that is opened, and
// events would be written into it. What stands in its place refuses to be written to.
void HoldStandardDescriptors() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDONLY);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

}  // namespace

int Main(int argc, char** argv, const ServingDoor& door) {
  HoldStandardDescriptors();
  CLI::App app(kAbout, "oomtrail");
  app.footer(kFooter);
  app.set_version_flag("--version", "oomtrail " OOMTRAIL_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  RawFlags agent_flags;
  RawFlags demo_flags;
  RawFlags doctor_flags;
  RawFlags replay_flags;
  RawClientFlags watch_flags;
  RawClientFlags list_flags;
  RawClientFlags status_flags;
  RawClientFlags top_flags;
  CleanupOptions cleanup;
  ExplainOptions explain;
  ReplayOptions replay;

  CLI::App* agent =
      app.add_subcommand("agent",
                         "The node agent: every OOM kill on this node as a line on stdout.\n"
                         "What it says about itself goes to stderr.");
  AddNodeFlags(*agent, agent_flags);
  AddSourceFlags(*agent, agent_flags);
  AddPin(*agent, agent_flags);
  AddJournalFlags(*agent, agent_flags);
  AddWarnFlags(*agent, agent_flags);
  AddTrackFlags(*agent, agent_flags);
  AddServingFlags(*agent, agent_flags);
  AddLogFormat(*agent, agent_flags);
  Flag(*agent, "record", agent_flags.options.record_file,
       "Also write every kernel record to this file, for oomtrail replay");

  CLI::App* demo = app.add_subcommand(
      "demo",
      "A real kill in a scratch cgroup on this machine, attributed and shown.\n"
      "Makes a memory cgroup with a 32 MiB limit, overfills it, removes it again.");
  AddNodeFlags(*demo, demo_flags);
  AddLogFormat(*demo, demo_flags);
  bool here_only = false;
  HereOptions here;
  CLI::Option* here_flag = Switch(
      *demo, "here", here_only,
      "Instead, fill this container until the kernel kills this very process: for an agent\n"
      "that runs already to see. Refuses where no memory limit, or one over 1 GiB, holds it");
  Flag(*demo, "once", here.once_file,
       "With --here: do nothing where this file is, else make it first. A container that is\n"
       "restarted is then killed only once")
      ->needs(here_flag);

  CLI::App* doctor = app.add_subcommand(
      "doctor",
      "What works on this node, what does not, and the remedy.\n"
      "Attaches every hook by every method for a moment; changes nothing. Exits 0 where kills\n"
      "can be seen, 1 where they cannot.");
  AddNodeFlags(*doctor, doctor_flags);
  AddSourceFlags(*doctor, doctor_flags);
  AddPin(*doctor, doctor_flags);

  CLI::App* cleaner = app.add_subcommand(
      "cleanup",
      "Removes what agents leave on this node: their pins in the bpffs and their socket. An agent\n"
      "that runs goes on, and leaves nothing in the kernel when it ends.");
  AddCleanupFlags(*cleaner, cleanup);

  CLI::App* explainer = app.add_subcommand(
      "explain",
      "How a cgroup path is read: one JSON object a line with path, level, container_id,\n"
      "pod_uid, qos, runtime, driver and unit. Reads nothing but the paths.");
  explainer
      ->add_option("PATH", explain.paths, "Cgroup paths, as in /proc/PID/cgroup; - reads stdin")
      ->required();

  CLI::App* replayer = app.add_subcommand(
      "replay",
      "A file of agent --record through the same pipeline, offline: the same events, with the\n"
      "same ids. No runtime is asked for names.");
  replayer->add_option("FILE", replay.file, "What agent --record wrote")->required();
  AddLogFormat(*replayer, replay_flags);

  CLI::App* watch = app.add_subcommand(
      "watch",
      "What a running agent tells, as it happens: a line for each event, and for what was lost.\n"
      "Begins now, or with --since, --last or --cursor.");
  AddWatchFlags(*watch, watch_flags);

  CLI::App* list = app.add_subcommand(
      "list", "What a running agent has in its journal, oldest first: all of it, or a part.");
  AddListFlags(*list, list_flags);

  CLI::App* status = app.add_subcommand(
      "status",
      "What a running agent sees and by which hooks, who tells it names, its journal, and what\n"
      "it has lost. (What a node allows, with no agent running: oomtrail doctor.)");
  AddStatusFlags(*status, status_flags);

  CLI::App* top = app.add_subcommand(
      "top",
      "The memory of a running agent's node, live: what each container uses and how fast that\n"
      "grows, when it reaches its limit, and whether it was warned of.");
  AddTopFlags(*top, top_flags);

  CLI::App* hog = app.add_subcommand(kFillMemoryCommand, "What demo lets the kernel kill");
  hog->group("");  // not for people: left out of the help

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    const bool unknown = argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty();
    std::cerr << "oomtrail: "
              << (unknown ? base::StrCat("there is no command ", base::Printable(argv[1]))
                          : base::Printable(error.what()))
              << " (see oomtrail --help)\n";
    return kExitUsage;
  }
  if (agent->parsed()) return RunAgent(Finish(agent_flags), door);
  if (demo->parsed() && here_only) {
    here.proc_root = demo_flags.options.proc_root;
    here.cgroup_root = demo_flags.options.cgroup_root;
    return RunDemoHere(here);
  }
  if (demo->parsed()) return RunDemo(Finish(demo_flags));
  if (doctor->parsed()) return RunDoctor(Finish(doctor_flags));
  if (cleaner->parsed()) return RunCleanup(FinishCleanup(cleanup));
  if (explainer->parsed()) return RunExplain(explain);
  if (watch->parsed()) return RunEvents(RunWatch, watch_flags);
  if (list->parsed()) return RunEvents(RunList, list_flags);
  if (status->parsed()) return RunStatus(FinishClient(status_flags));
  if (top->parsed()) return RunTopOr(top_flags);
  if (hog->parsed()) return RunFillMemory();
  replay.log_format = Finish(replay_flags).log_format;
  return RunReplay(replay);
}

}  // namespace oomtrail::cli
