// How well the forecast warns, over the trace library: the seeds it was made with, and others that
// were held out. And what a sample costs.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "agent/forecast/forecaster.h"
#include "tests/traces/generators.h"
#include "tests/traces/replay.h"

namespace oomtrail::traces {
namespace {

constexpr uint64_t kSeeds = 200;

void Print(const Score& score) {
  std::printf("%-28s %6d %6d %9.3f", score.name.c_str(), score.traces, score.warned,
              score.precision());
  if (score.leads.empty()) {
    std::printf("\n");
    return;
  }
  std::printf(" %9.3f %10.0f s %10.0f s\n", score.recall(), score.lead_quantile(0.5),
              score.lead_quantile(0.9));
}

Score ScoreOf(const Generator& generator, uint64_t first_seed) {
  Score score{.name = std::string(generator.name)};
  for (uint64_t seed = first_seed; seed < first_seed + kSeeds; ++seed) {
    const Trace trace = Generate(generator, seed);
    score.Add(trace, Replay(trace));
  }
  return score;
}

void PrintTable(const char* title, uint64_t first_seed) {
  std::printf("%-28s %6s %6s %9s %9s %12s %12s\n", title, "traces", "warned", "precision", "recall",
              "median lead", "9 of 10");
  Score all{.name = "all"};
  for (const std::span<const Generator> generators : {Leaks(), Benign()}) {
    for (const Generator& generator : generators) {
      const Score score = ScoreOf(generator, first_seed);
      Print(score);
      all.Add(score);
    }
  }
  Print(all);
  std::printf("\n");
}

double NanosecondsASample() {
  const Trace trace = Generate(Leaks()[1], 1);
  uint64_t samples = 0;
  double sum = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (samples < 500'000) {
    forecast::Forecaster forecaster;
    for (const forecast::MemorySample& sample : trace.samples) {
      forecaster.Add(sample);
      sum += forecaster.trend().confidence;
    }
    samples += trace.samples.size();
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return sum < 0 ? 0 : took.count() / static_cast<double>(samples);
}

}  // namespace
}  // namespace oomtrail::traces

int main() {
  oomtrail::traces::PrintTable("WARNINGS", 0);
  oomtrail::traces::PrintTable("… of held-out seeds", oomtrail::traces::kHeldOutSeeds);
  std::printf("%.0f ns a sample, %zu bytes a limit\n", oomtrail::traces::NanosecondsASample(),
              sizeof(oomtrail::forecast::Forecaster));
  return 0;
}
