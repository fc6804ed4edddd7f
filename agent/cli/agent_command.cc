#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <utility>

#include "agent/base/status.h"
#include "agent/cli/agent.h"
#include "agent/cli/commands.h"
#include "agent/cli/name_sources.h"

namespace oomtrail::cli {
namespace {

int Fail(const absl::Status& status, int code) {
  std::cerr << "oomtrail: " << status.message() << '\n';
  return code;
}

absl::StatusOr<std::unique_ptr<EventLoop>> OpenLoop() {
  ASSIGN_OR_RETURN(auto loop, EventLoop::Create());
  RETURN_IF_ERROR(loop->StopAtSignals());
  return loop;
}

}  // namespace

int RunAgent(const AgentOptions& options, const ServingDoor& door) {
  // One heap for the few threads: each of its own would keep what one listing once needed.
  ::mallopt(M_ARENA_MAX, 1);
  // And what is large goes back at once: by default a first large listing raises the bound to 32
  // MiB.
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  std::signal(SIGPIPE, SIG_IGN);
  // Before the sources: gRPC starts threads, and a thread that does not block SIGTERM dies of it.
  auto loop = OpenLoop();
  if (!loop.ok()) return Fail(loop.status(), kExitFailed);
  if (const auto checked = door.check(options.serving); !checked.ok()) {
    return Fail(checked, kExitUsage);
  }
  auto sources = MakeNameSources(options);
  if (!sources.ok()) return Fail(sources.status(), kExitUsage);
  const bool has_sources =
      std::ranges::any_of(*sources, [](const auto& source) { return source->Present(); });
  const base::SystemClock clock;
  const base::Log log(options.log_format);
  auto outputs = EventOutputs::Open(options, has_sources, clock, log);
  if (!outputs.ok()) {
    return Fail(outputs.status(),
                absl::IsAlreadyExists(outputs.status()) ? kExitFailed : kExitUsage);
  }
  Agent agent(options, clock, log, *std::move(loop), *std::move(sources), *std::move(outputs));
  if (const auto opened = agent.Open(door); !opened.ok()) return Fail(opened, kExitFailed);
  agent.Run();
  return kExitOk;
}

}  // namespace oomtrail::cli
