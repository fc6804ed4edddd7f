#include "agent/publish/metrics.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "agent/base/status.h"
#include "agent/publish/metric_text.h"
#include "agent/publish/process_stats.h"

namespace oomtrail::publish {
namespace {

constexpr double kNanosPerSecond = 1e9;
constexpr size_t kUsualPageBytes = 16 << 10;

// What one value says.
void Gauge(MetricText& text, std::string_view name, std::string_view help, auto value) {
  text.Family(name, MetricText::Type::kGauge, help);
  text.Sample({}, value);
}

// A label that names one thing must not stand there twice.
template <typename T, typename Key>
std::vector<T> SortedOnce(std::vector<T> values, Key key) {
  std::stable_sort(values.begin(), values.end(),
                   [&](const T& a, const T& b) { return key(a) < key(b); });
  values.erase(std::unique(values.begin(), values.end(),
                           [&](const T& a, const T& b) { return key(a) == key(b); }),
               values.end());
  return values;
}

void RenderGauges(MetricText& text, const Gauges& gauges) {
  using enum MetricText::Type;
  text.Family("oomtrail_build_info", kGauge, "1, for its labels.");
  text.Sample({{"version", LabelValue(gauges.version)}}, 1U);
  text.Family("oomtrail_hook_info", kGauge, "1, for its labels: how each hook sees the kernel.");
  for (const Gauges::Hook& hook : SortedOnce(gauges.hooks, [](const auto& h) { return h.hook; })) {
    text.Sample({{"hook", LabelValue(hook.hook)},
                 {"method", hook.method.empty() ? "none" : LabelValue(hook.method)}},
                1U);
  }
  text.Family("oomtrail_name_source_up", kGauge,
              "Whether the last question to a source of names was answered.");
  for (const Gauges::NameSource& source :
       SortedOnce(gauges.name_sources, [](const auto& s) { return s.source; })) {
    text.Sample({{"source", LabelValue(source.source)}}, source.up);
  }
  text.Family("oomtrail_usage_reader_info", kGauge,
              "1, for its label: how the memory of containers is read.");
  text.Sample({{"reader", gauges.usage_reader.empty() ? "none" : LabelValue(gauges.usage_reader)}},
              1U);
  Gauge(text, "oomtrail_containers", "Containers that the sources of names list.",
        gauges.containers);
  Gauge(text, "oomtrail_subscribers", "Clients that watch events.", gauges.subscribers);
  if (gauges.journal) {
    Gauge(text, "oomtrail_journal_events", "Events in the journal.", gauges.journal->events);
    Gauge(text, "oomtrail_journal_bytes", "Size of the journal.", gauges.journal->bytes);
    Gauge(text, "oomtrail_journal_unwritten_events", "Events that the journal has yet to write.",
          gauges.journal->unwritten_events);
  }
  Gauge(text, "oomtrail_start_time_seconds", "When the agent began, since the epoch.",
        gauges.start_time_seconds);
}

double Nearness(const Gauges::Trend& trend) {
  return trend.seconds_to_limit.value_or(std::numeric_limits<double>::infinity());
}

// By name, one a container; those nearest to their limits, where there are more than `most`.
std::vector<Gauges::Trend> ShownTrends(std::vector<Gauges::Trend> trends, size_t most) {
  const auto by_name = [](const Gauges::Trend& trend) { return trend.name; };
  std::erase_if(trends, [](const Gauges::Trend& trend) {
    return trend.name.ns.empty() || trend.name.pod.empty() || trend.name.container.empty();
  });
  for (Gauges::Trend& trend : trends) {
    trend.name = {LabelValue(trend.name.ns), LabelValue(trend.name.pod),
                  LabelValue(trend.name.container)};
  }
  // One that is being restarted may be there twice.
  std::ranges::stable_sort(trends, {}, Nearness);
  trends = SortedOnce(std::move(trends), by_name);
  if (trends.size() <= most) return trends;
  std::ranges::stable_sort(trends, {}, Nearness);
  trends.resize(most);
  return SortedOnce(std::move(trends), by_name);
}

void RenderTrends(MetricText& text, const std::vector<Gauges::Trend>& trends) {
  using enum MetricText::Type;
  const auto sample = [&text](const ContainerName& name, double value) {
    text.Sample({{"namespace", name.ns}, {"pod", name.pod}, {"container", name.container}}, value);
  };
  text.Family("oomtrail_container_memory_growth_bytes_per_second", kGauge,
              "How fast a container's memory that cannot be reclaimed grows.");
  for (const auto& trend : trends) sample(trend.name, trend.growth_bytes_per_second);
  text.Family("oomtrail_container_seconds_to_limit", kGauge,
              "When a container reaches its limit at that rate; absent where it does not.");
  for (const auto& trend : trends) {
    if (trend.seconds_to_limit) sample(trend.name, *trend.seconds_to_limit);
  }
}

void RenderProcess(MetricText& text, const ProcessStats& process, double start_seconds) {
  Gauge(text, "process_resident_memory_bytes", "Resident memory size in bytes.",
        process.resident_bytes);
  text.Family("process_cpu_seconds_total", MetricText::Type::kCounter,
              "Total user and system CPU time spent in seconds.");
  text.Sample({}, process.cpu_seconds);
  Gauge(text, "process_open_fds", "Number of open file descriptors.", process.open_fds);
  Gauge(text, "process_start_time_seconds", "Start time of the process since the epoch in seconds.",
        start_seconds);
}

double StartSeconds(const std::string& proc_self, const base::Clock& clock) {
  const auto process = ReadProcessStats(proc_self);
  if (!process.ok()) return 0;
  return static_cast<double>(clock.WallFromBoot(process->start_boot_ns)) / kNanosPerSecond;
}

}  // namespace

Metrics::Metrics(const base::Clock& clock, Options options, std::string proc_self)
    : clock_(clock),
      options_(std::move(options)),
      proc_self_(std::move(proc_self)),
      process_start_seconds_(StartSeconds(proc_self_, clock)),
      counters_(options_) {}

void Metrics::Count(const model::Event& event) {
  const uint64_t now_ns = clock_.BootNanos();
  const base::MutexLock lock(mutex_);
  counters_.Count(event, Counters::Origin::kLive, now_ns);
}

void Metrics::CountFromJournal(const model::Event& event) {
  const uint64_t now_ns = clock_.BootNanos();
  const base::MutexLock lock(mutex_);
  counters_.Count(event, Counters::Origin::kJournal, now_ns);
}

void Metrics::ExpectNames() {
  const base::MutexLock lock(mutex_);
  counters_.ExpectNames();
}

void Metrics::SetContainers(std::vector<ContainerName> containers) {
  for (ContainerName& name : containers) {
    name = {LabelValue(name.ns), LabelValue(name.pod), LabelValue(name.container)};
  }
  const uint64_t now_ns = clock_.BootNanos();
  const base::MutexLock lock(mutex_);
  counters_.SetContainers(containers, now_ns);
}

void Metrics::Tick() {
  const uint64_t now_ns = clock_.BootNanos();
  const base::MutexLock lock(mutex_);
  counters_.Tick(now_ns);
}

std::string Metrics::Render(const Gauges& gauges) const {
  std::string page;
  page.reserve(kUsualPageBytes);
  MetricText text(page);
  {
    const base::MutexLock lock(mutex_);
    counters_.Render(text);
  }
  RenderGauges(text, gauges);
  // Two series each, within the same bound.
  RenderTrends(text, ShownTrends(gauges.trends, options_.series.max_series / 2));
  // Without /proc these four are absent, and the rest is as good as ever.
  if (const auto process = ReadProcessStats(proc_self_); process.ok()) {
    RenderProcess(text, *process, process_start_seconds_);
  }
  return page;
}

std::string Metrics::Save() const {
  const base::MutexLock lock(mutex_);
  return counters_.Save();
}

absl::Status Metrics::Restore(std::string_view saved) {
  Counters restored(options_);
  RETURN_IF_ERROR(restored.Restore(saved, clock_.BootNanos()));
  const base::MutexLock lock(mutex_);
  counters_ = std::move(restored);
  return absl::OkStatus();
}

}  // namespace oomtrail::publish
