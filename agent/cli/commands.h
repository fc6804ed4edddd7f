// The commands. Each returns the program's exit code (options.h).
#pragma once

#include "agent/cli/options.h"

namespace oomtrail::cli {

int RunAgent(const AgentOptions& options, const ServingDoor& door);
int RunCleanup(const CleanupOptions& options);
int RunDemo(const AgentOptions& flags);
int RunDoctor(const AgentOptions& options);
int RunExplain(const ExplainOptions& options);
int RunReplay(const ReplayOptions& options);
int RunWatch(const EventOptions& options);
int RunList(const EventOptions& options);
int RunStatus(const ClientOptions& options);
int RunTop(const TopOptions& options);

}  // namespace oomtrail::cli
