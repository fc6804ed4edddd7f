// Programs of each kind, by seed. What a program is like is drawn from ranges that such programs
// have; nothing here knows of the forecaster.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tests/traces/program.h"
#include "tests/traces/random.h"

namespace oomtrail::traces {

// The forecast was made with seeds from 0 on. These were held out: nothing was tuned by them.
inline constexpr uint64_t kHeldOutSeeds = 0x5eed0000;

struct Generator {
  std::string_view name;
  Kind kind;
  Program (*make)(Random& random);
};

std::span<const Generator> Leaks();
std::span<const Generator> Benign();

Trace Generate(const Generator& generator, uint64_t seed);

}  // namespace oomtrail::traces
