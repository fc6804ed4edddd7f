#include "agent/forecast/forecaster.h"

namespace oomtrail::forecast {

void Forecaster::Add(const MemorySample& sample) {
  if (sample.boot_ns <= boot_ns_) return;
  boot_ns_ = sample.boot_ns;
  working_set_bytes_ = sample.working_set_bytes();
}

void Forecaster::Killed() { working_set_bytes_ = 0; }

model::Trend Forecaster::trend() const { return {}; }

}  // namespace oomtrail::forecast
