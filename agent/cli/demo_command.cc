#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include "agent/attribute/attributor.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/commands.h"
#include "agent/cli/event_loop.h"
#include "agent/cli/feed.h"
#include "agent/cli/node.h"
#include "agent/cli/pipeline.h"
#include "agent/cli/scratch_kill.h"
#include "agent/cli/start_report.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"

namespace oomtrail::cli {
namespace {

constexpr uint64_t kPatienceNs = 10ULL * 1'000'000'000;
constexpr uint64_t kTickNs = 100'000'000;

int Fail(const absl::Status& status) {
  std::cerr << "oomtrail: " << status.message() << '\n';
  return kExitFailed;
}

}  // namespace

int RunDemo(const AgentOptions& flags) {
  AgentOptions options = flags;
  options.pin_dir.clear();  // nothing of a demo stays behind
  const base::Log log(options.log_format);
  const base::SystemClock clock;
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves must not leave the scratch cgroup behind
  auto node = OpenNode(options, clock);
  if (!node.ok()) return Fail(node.status());
  auto loop = EventLoop::Create();
  if (!loop.ok()) return Fail(loop.status());
  if (const auto status = (*loop)->StopAtSignals(); !status.ok()) return Fail(status);
  auto feed = Feed::Open(*node, log, **loop);
  if (!feed.ok()) {
    log.Error(node->hooks_error.ok() ? std::string_view("no method to see kills")
                                     : std::string(node->hooks_error.message()));
    return Fail(feed.status());
  }
  if (node->hooks != nullptr) LogHooks(log, node->hooks->reports(), false);

  auto scratch = ScratchKill::Prepare(node->index->mount());
  if (!scratch.ok()) return Fail(base::Annotate(scratch.status(), "no place for a demo kill"));
  log.Info(base::StrCat("scratch cgroup ", (*scratch)->path(), ", limit 32 MiB"));

  const attribute::PodDirectory directory(clock, {});
  attribute::Attributor attributor(
      directory, clock,
      attribute::Attributor::Node{.name = options.node_name, .boot_id = node->boot_id});
  pid_t victim = -1;
  bool seen = false;
  Pipeline pipeline(
      *node->index, *node->resolver, attributor, {.publish = [&](const model::Event& event) {
        // Others may be killed on this machine at the same time.
        if (!event.victim || static_cast<pid_t>(event.victim->pid) != victim) return;
        std::cout << (options.log_format == base::LogFormat::kJson ? publish::ToJson(event)
                                                                   : publish::ToText(event))
                  << std::endl;
        seen = true;
      }});
  (*feed)->Connect(pipeline);
  (*feed)->Drain();
  const uint64_t deadline = clock.BootNanos() + kPatienceNs;
  if (const auto status = (*loop)->Every(kTickNs,
                                         [&] {
                                           (*feed)->Drain();
                                           if (clock.BootNanos() > deadline) (*loop)->Stop();
                                         });
      !status.ok()) {
    return Fail(status);
  }
  const auto started = (*scratch)->Start();
  if (!started.ok()) return Fail(started.status());
  victim = *started;
  (*loop)->Run([&] {
    if (seen) (*loop)->Stop();
  });
  if (!std::cout) {
    return Fail(absl::UnavailableError("stdout is closed: the event could not be written"));
  }
  if (seen) {
    log.Info(
        "seen. The scratch cgroup is named like a pod's, but no runtime knows it: its names stay "
        "missing. Next: oomtrail agent");
    return kExitOk;
  }
  log.Error((*scratch)->Killed() ? "the kernel killed the demo's process, but no event came"
                                 : "the demo's process was not killed");
  return kExitFailed;
}

}  // namespace oomtrail::cli
