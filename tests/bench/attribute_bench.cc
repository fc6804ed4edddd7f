// Events a second and core through decode → resolve → attribute → JSON, 500 containers known, and
// where the time goes.
#include <benchmark/benchmark.h>

#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "tests/bench/stages.h"

namespace oomtrail::bench {
namespace {

// Refuses to time a path that is not the one a kill takes.
bool IsWhole(const model::Event& event, benchmark::State& state) {
  if (event.attribution.status == model::AttributionStatus::kFull) return true;
  state.SkipWithError("the event has no names");
  return false;
}

void BM_DecodeToJson(benchmark::State& state) {
  Stages stages;
  if (!IsWhole(stages.NextEvent(), state)) return;
  for (auto _ : state) benchmark::DoNotOptimize(publish::ToJson(stages.NextEvent()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DecodeToJson);

void BM_DecodeToEvent(benchmark::State& state) {
  Stages stages;
  for (auto _ : state) benchmark::DoNotOptimize(stages.NextEvent());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DecodeToEvent);

void BM_DecodeAndResolve(benchmark::State& state) {
  Stages stages;
  for (auto _ : state) {
    benchmark::DoNotOptimize(stages.Resolve(Stages::Decode(stages.NextRecord())));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DecodeAndResolve);

void BM_Attribute(benchmark::State& state) {
  Stages stages;
  const auto resolved = *stages.Resolve(Stages::Decode(stages.NextRecord()));
  for (auto _ : state) benchmark::DoNotOptimize(stages.Attribute(resolved));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Attribute);

void BM_ToJson(benchmark::State& state) {
  Stages stages;
  const model::Event event = stages.NextEvent();
  size_t bytes = 0;
  for (auto _ : state) bytes += publish::ToJson(event).size();
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_ToJson);

void BM_ToText(benchmark::State& state) {
  Stages stages;
  const model::Event event = stages.NextEvent();
  for (auto _ : state) benchmark::DoNotOptimize(publish::ToText(event));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ToText);

}  // namespace
}  // namespace oomtrail::bench
