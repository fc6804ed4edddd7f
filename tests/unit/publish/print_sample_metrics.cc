// A page of metrics with something in every family, for tests in other languages.
#include <iostream>

#include "agent/publish/metrics.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/publish/sample_events.h"

int main() {
  using oomtrail::publish::Gauges;
  oomtrail::fakes::FakeClock clock;
  oomtrail::publish::Metrics metrics(clock, {.has_sources = true, .series = {.max_series = 40}});
  metrics.SetContainers({{"shop", "cart-7d9f", "api"}, {"shop", "db-0", "postgres"}});
  for (const auto& sample : oomtrail::publish::Samples()) {
    oomtrail::model::Event event = sample.event;
    if (event.revision == 0) event.id = sample.name;
    metrics.Count(event);
  }
  clock.Advance(std::chrono::minutes(1));
  metrics.Tick();
  std::cout << metrics.Render({.version = "1.2.3",
                               .start_time_seconds = 1'795'239'667,
                               .hooks = {{"victim", "fentry"}, {"context", ""}},
                               .name_sources = {{"cri", true}, {"kubelet", false}},
                               .subscribers = 1,
                               .containers = 2,
                               .journal = Gauges::Journal{.events = 10, .bytes = 65536},
                               .usage_reader = "cgroup_iterator",
                               .trends = {{{"shop", "cart-7d9f", "api"}, 1'258'291.5, 42.25},
                                          {{"shop", "db-0", "postgres"}, -4096, std::nullopt}}});
  return std::cout.flush() ? 0 : 1;
}
