// The command line: flags, environment, help; and which command runs.
#pragma once

#include "agent/cli/serving.h"

namespace oomtrail::cli {

// The whole program; `door` is how its agent is reached. Returns its exit code (options.h).
int Main(int argc, char** argv, const ServingDoor& door);

}  // namespace oomtrail::cli
