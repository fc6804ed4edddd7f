#include "agent/publish/counters.h"

#include <algorithm>
#include <utility>

namespace oomtrail::publish {
namespace {

using model::AttributionStatus;

// Stages are our own words; the bound holds where a saved file claims otherwise.
constexpr size_t kMaxStages = 64;
constexpr std::string_view kOtherStage = "other";
constexpr double kNanosPerSecond = 1e9;

ContainerName NameOf(const model::Event& event) {
  ContainerName name;
  if (event.pod) {
    name.ns = LabelValue(event.pod->ns);
    name.pod = LabelValue(event.pod->name);
    if (event.container) name.container = LabelValue(event.container->name);
  }
  return name;
}

// Where it is counted; a loss has no place here.
size_t SeriesOf(const model::Event& event) {
  if (event.kind == model::Kind::kOomKill) return ScopeIndex(event.scope);
  if (!event.warning) return kWithoutKill;
  return kWarnings + static_cast<size_t>(event.warning->reason);
}

}  // namespace

std::string_view Name(Unattributed reason) {
  switch (reason) {
    case Unattributed::kNoSource: return "no_source";
    case Unattributed::kNoCgroup: return "no_cgroup";
    case Unattributed::kNotKnownInTime: return "not_known_in_time";
    case Unattributed::kTooManyWaiting: return "too_many_waiting";
  }
  return "";
}

Counters::Counters(const Options& options)
    : has_sources_(options.has_sources),
      max_held_(std::max<size_t>(options.max_held, 1)),
      hold_ns_(static_cast<uint64_t>(options.hold.count())),
      containers_(options.series) {
  for (const std::string& stage : options.loss_stages) lost_.try_emplace(LabelValue(stage), 0);
}

void Counters::Count(const model::Event& event, Origin origin, uint64_t now_ns) {
  warnings_.CountOutcome(event);
  const uint64_t id = Fingerprint(event.id);
  const AttributionStatus status = event.attribution.status;
  if (HeldEvent* held = held_.Find(id)) {
    held->name = NameOf(event);
    if (status == AttributionStatus::kFull) {
      Observe(event, origin, now_ns);
      Settle(held_.Take(id), now_ns);
    }
    return;
  }
  // An amendment of what is not held comes after its event was counted.
  if (event.revision != 0 || !seen_events_.Add(id)) return;
  if (event.kind == model::Kind::kLost) {
    if (event.loss) CountLoss(*event.loss);
    return;
  }
  HeldEvent counted{
      .id = id,
      .name = NameOf(event),
      .series = SeriesOf(event),
      .amount = event.kind == model::Kind::kOomWithoutKill ? Sum(1, event.suppressed) : 1,
      .since_ns = now_ns};
  if (counted.is_kill()) {
    if (seen_incidents_.Add(Fingerprint(event.incident_id))) ++incidents_[counted.series];
    warnings_.CountKill(event);
  }
  switch (status) {
    case AttributionStatus::kFull: Observe(event, origin, now_ns); [[fallthrough]];
    case AttributionStatus::kHost: Settle(counted, now_ns); break;
    case AttributionStatus::kUnknown: GiveUp(counted, Unattributed::kNoCgroup, now_ns); break;
    case AttributionStatus::kPartial:
      if (has_sources_) {
        Hold(std::move(counted));
      } else {
        GiveUp(counted, Unattributed::kNoSource, now_ns);
      }
      break;
  }
}

void Counters::CountLoss(const model::Loss& loss) {
  std::string stage = LabelValue(loss.stage);
  const size_t known = lost_.size() - lost_.count(kOtherStage);
  if (known >= kMaxStages && !lost_.contains(stage)) stage = kOtherStage;
  uint64_t& count = lost_[std::move(stage)];
  count = Sum(count, loss.count);
}

void Counters::Hold(HeldEvent event) {
  if (held_.size() >= max_held_) {
    GiveUp(held_.Take(held_.Oldest().id), Unattributed::kTooManyWaiting, event.since_ns);
  }
  held_.Hold(std::move(event));
}

void Counters::Settle(const HeldEvent& event, uint64_t now_ns) {
  containers_.Add(event.name, event.series, event.amount, now_ns);
}

void Counters::GiveUp(const HeldEvent& event, Unattributed reason, uint64_t now_ns) {
  if (event.is_kill()) ++unattributed_[static_cast<size_t>(reason)];
  Settle(event, now_ns);
}

void Counters::Observe(const model::Event& event, Origin origin, uint64_t now_ns) {
  // A warning is late by what it waited for, not by its names.
  if (origin == Origin::kJournal || event.warning) return;
  const uint64_t took_ns = now_ns - std::min(now_ns, event.boot_ns);
  const double took = static_cast<double>(took_ns) / kNanosPerSecond;
  const auto* const bucket =
      std::lower_bound(std::begin(kAttributionBounds), std::end(kAttributionBounds), took);
  ++attribution_[static_cast<size_t>(bucket - std::begin(kAttributionBounds))];
  attribution_ns_ += took_ns;
}

void Counters::Tick(uint64_t now_ns) {
  while (!held_.empty() && now_ns >= held_.Oldest().since_ns + hold_ns_) {
    GiveUp(held_.Take(held_.Oldest().id), Unattributed::kNotKnownInTime, now_ns);
  }
  containers_.Sweep(now_ns);
}

void Counters::Render(MetricText& text) const {
  using enum MetricText::Type;
  text.Family("oomtrail_oom_kills_total", kCounter,
              "Processes that the OOM killer killed, by whose limit was hit.");
  containers_.ForEach([&](const ContainerName& name, const ContainerSeries::Values& values) {
    for (size_t scope = 0; scope < kScopes; ++scope) {
      if (!values[scope]) continue;
      text.Sample({{"namespace", name.ns},
                   {"pod", name.pod},
                   {"container", name.container},
                   {"scope", ScopeLabel(scope)}},
                  *values[scope]);
    }
  });
  text.Family("oomtrail_oom_incidents_total", kCounter,
              "OOMs in which at least one process was killed.");
  for (size_t scope = 0; scope < kScopes; ++scope) {
    text.Sample({{"scope", ScopeLabel(scope)}}, incidents_[scope]);
  }
  text.Family("oomtrail_ooms_without_kill_total", kCounter,
              "Times a memory cgroup was out of memory and had nothing to kill.");
  containers_.ForEach([&](const ContainerName& name, const ContainerSeries::Values& values) {
    if (!values[kWithoutKill]) return;
    text.Sample({{"namespace", name.ns}, {"pod", name.pod}, {"container", name.container}},
                *values[kWithoutKill]);
  });
  text.Family("oomtrail_early_warnings_total", kCounter,
              "Warnings that a memory limit would soon be reached, by what gave them.");
  containers_.ForEach([&](const ContainerName& name, const ContainerSeries::Values& values) {
    for (size_t reason = 0; reason < kWarningReasons; ++reason) {
      if (!values[kWarnings + reason]) continue;
      text.Sample({{"namespace", name.ns},
                   {"pod", name.pod},
                   {"container", name.container},
                   {"reason", Name(static_cast<model::WarningReason>(reason))}},
                  *values[kWarnings + reason]);
    }
  });
  warnings_.Render(text);
  text.Family("oomtrail_events_lost_total", kCounter,
              "Events that were not seen or could not be delivered, by where they were lost.");
  for (const auto& [stage, count] : lost_) text.Sample({{"stage", stage}}, count);
  text.Family("oomtrail_unattributed_kills_total", kCounter,
              "Kills counted without all their names, by why.");
  for (size_t reason = 0; reason < kUnattributedReasons; ++reason) {
    text.Sample({{"reason", Name(static_cast<Unattributed>(reason))}}, unattributed_[reason]);
  }
  text.Family("oomtrail_attribution_seconds", kHistogram,
              "From the kernel's time of an event to all its names being known.");
  text.Histogram(kAttributionBounds, attribution_,
                 static_cast<double>(attribution_ns_) / kNanosPerSecond);
  text.Family("oomtrail_series_dropped_total", kCounter,
              "Times something was counted under empty names for want of room for its series.");
  text.Sample({}, containers_.refused());
}

}  // namespace oomtrail::publish
