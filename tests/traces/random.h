// Random numbers that are the same on every machine: the standard's distributions are not.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace oomtrail::traces {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  double Uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(engine_() >> 11) * 0x1p-53;
  }

  // As many between 1 and 10 as between 10 and 100.
  double LogUniform(double low, double high) {
    return std::exp(Uniform(std::log(low), std::log(high)));
  }

  bool Chance(double share) { return Uniform(0, 1) < share; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace oomtrail::traces
