// What metrics cost. Budgets: 2 us to count a kill of a known series, 5 ms to render 2,000 series.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "agent/base/strings.h"
#include "agent/publish/metrics.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {
namespace {

constexpr int kContainers = 500;  // four series each

std::vector<ContainerName> Containers() {
  std::vector<ContainerName> names;
  for (int i = 0; i < kContainers; ++i) {
    names.push_back({base::StrCat("team-", i % 20), base::StrCat("service-", i, "-7d9f8b6c5-x2x4z"),
                     "application"});
  }
  return names;
}

struct Fixture {
  Fixture() { metrics.SetContainers(Containers()); }

  fakes::FakeClock clock;
  Metrics metrics{clock, {.has_sources = true}};
};

// Each kill has an id and an incident of its own, as in life.
void CountKnownSeries(benchmark::State& state) {
  Fixture fixture;
  const std::vector<ContainerName> names = Containers();
  model::Event event = FullKill();
  uint64_t number = 0;
  for (auto _ : state) {
    const ContainerName& name = names[++number % names.size()];
    event.id = base::StrCat("3f6c1a52-", number, "-30ea43af67a14");
    event.incident_id = base::StrCat("3f6c1a52-i", number);
    event.pod->ns = name.ns;
    event.pod->name = name.pod;
    event.container->name = name.container;
    fixture.metrics.Count(event);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(CountKnownSeries);

// Every event a new container, the table full of those that were killed before.
void CountWithoutRoom(benchmark::State& state) {
  Fixture fixture;
  model::Event event = FullKill();
  uint64_t number = 0;
  const auto count = [&] {
    event.id = base::StrCat("3f6c1a52-", ++number, "-30ea43af67a14");
    event.pod->name = base::StrCat("pod-", number);
    fixture.metrics.Count(event);
  };
  while (number < 12'000) count();
  for (auto _ : state) count();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(CountWithoutRoom);

void RenderTwoThousandSeries(benchmark::State& state) {
  const Fixture fixture;
  for (auto _ : state) {
    std::string page = fixture.metrics.Render({});
    benchmark::DoNotOptimize(page);
  }
}
BENCHMARK(RenderTwoThousandSeries);

void ListFiveHundredContainers(benchmark::State& state) {
  Fixture fixture;
  const std::vector<ContainerName> names = Containers();
  for (auto _ : state) fixture.metrics.SetContainers(names);
}
BENCHMARK(ListFiveHundredContainers);

// After a day in which every container was killed.
void SaveFiveHundredSeries(benchmark::State& state) {
  Fixture fixture;
  model::Event event = FullKill();
  for (const ContainerName& name : Containers()) {
    event.id = event.incident_id = name.pod;
    event.pod->ns = name.ns;
    event.pod->name = name.pod;
    event.container->name = name.container;
    fixture.metrics.Count(event);
  }
  for (auto _ : state) {
    std::string saved = fixture.metrics.Save();
    benchmark::DoNotOptimize(saved);
  }
}
BENCHMARK(SaveFiveHundredSeries);

}  // namespace
}  // namespace oomtrail::publish
