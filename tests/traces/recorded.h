// Traces of real programs: tests/fixtures/memory_traces.
#pragma once

#include <string>
#include <vector>

#include "tests/traces/trace.h"

namespace oomtrail::traces {

// All of the directory, in order of their names. Empty where one cannot be read as such.
std::vector<Trace> ReadRecorded(const std::string& directory);

}  // namespace oomtrail::traces
