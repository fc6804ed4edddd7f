// The command line: flags, environment, help; and which command runs.
#pragma once

namespace oomtrail::cli {

// The whole program. Returns its exit code (options.h).
int Main(int argc, char** argv);

}  // namespace oomtrail::cli
