#include "agent/publish/metrics.h"

#include <algorithm>
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
