// How well the forecast warns, over the trace library: the seeds it was made with, and others that
// were held out. And what a sample costs.
//
// Precision: warnings that stood when the kill came, of all. Recall: leaks warned of 10 s or more
// before the kill, of those that took 25 s or more.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "agent/forecast/forecaster.h"
#include "tests/traces/generators.h"
#include "tests/traces/recorded.h"
#include "tests/traces/replay.h"

namespace oomtrail::traces {
namespace {

constexpr uint64_t kSeeds = 200;

// A program that is never killed has neither true warnings nor any to be had.
void Print(const Score& score) {
  std::printf("%-28s %6d %6d", score.name.c_str(), score.traces, score.warned);
  if (!score.leads.empty()) {
    std::printf(" %9.3f %9.3f %10.0f s %10.0f s", score.precision(), score.recall(),
                score.lead_quantile(0.5), score.lead_quantile(0.9));
  }
  std::printf("\n");
}

Score ScoreOf(const Generator& generator, uint64_t first_seed) {
  Score score{.name = std::string(generator.name)};
  for (uint64_t seed = first_seed; seed < first_seed + kSeeds; ++seed) {
    const Trace trace = Generate(generator, seed);
    score.Add(trace, Replay(trace));
  }
  return score;
}

void PrintHead(const char* title) {
  std::printf("%-28s %6s %6s %9s %9s %12s %12s\n", title, "traces", "warned", "precision", "recall",
              "median lead", "9 of 10");
}

void PrintGenerated(const char* title, uint64_t first_seed) {
  PrintHead(title);
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

void PrintRecorded() {
  PrintHead("… of real programs");
  Score all{.name = "all"};
  for (const Trace& trace : ReadRecorded(OOMTRAIL_SOURCE_DIR "/tests/fixtures/memory_traces")) {
    Score score{.name = trace.name};
    score.Add(trace, Replay(trace));
    Print(score);
    all.Add(score);
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
  oomtrail::traces::PrintGenerated("WARNINGS", 0);
  oomtrail::traces::PrintGenerated("… of held-out seeds", oomtrail::traces::kHeldOutSeeds);
  oomtrail::traces::PrintRecorded();
  std::printf("%.0f ns a sample, %zu bytes a limit\n", oomtrail::traces::NanosecondsASample(),
              sizeof(oomtrail::forecast::Forecaster));
  return 0;
}
