// What a cgroup's memory did, as the sampler would have read it, and how it ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/forecast/sample.h"

namespace oomtrail::traces {

enum class Kind {
  kLeak,    // ends in a kill
  kBenign,  // does not; a warning is a false one
  kCalm,    // does not, and there is not to be a single warning
};

struct Trace {
  std::string name;  // of its generator
  Kind kind = Kind::kBenign;
  std::vector<forecast::MemorySample> samples;
  std::optional<uint64_t> killed_ns;
  double growth_seconds = 0;  // a leak's, from its start to the kill
};

}  // namespace oomtrail::traces
