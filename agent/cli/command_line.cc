#include "agent/cli/command_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <iostream>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/cli/agent_flags.h"
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
    "Flags can be given in the environment: --node-name is OOMTRAIL_NODE_NAME.\n"
    "Exit codes: 0 done, 1 tried and failed, 2 a flag or file is wrong and nothing was tried.";

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
