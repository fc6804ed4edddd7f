// Everything the agent counts for Prometheus, by what rule, and how it survives a restart. Owned
// and called by one thread, or under one lock: see metrics.h. Times are of the boot clock.
//
// An event is counted once, under the best names that it gets: one that still waits for names is
// held until an amendment has them all, or until nobody will bring them any more.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/model/event.h"
#include "agent/publish/container_series.h"
#include "agent/publish/held_events.h"
#include "agent/publish/metric_text.h"
#include "agent/publish/recent_ids.h"
#include "agent/publish/warning_counters.h"

namespace oomtrail::publish {

// Why a kill has no names.
enum class Unattributed : uint8_t { kNoSource, kNoCgroup, kNotKnownInTime, kTooManyWaiting };
inline constexpr size_t kUnattributedReasons = 4;
std::string_view Name(Unattributed reason);

// From the kernel's time to all names known: upper bounds in seconds; then what is above them all.
inline constexpr double kAttributionBounds[] = {.0005, .001, .0025, .005, .01, .05,
                                                .1,    .5,   1,     5,    30};
inline constexpr size_t kAttributionBuckets = std::size(kAttributionBounds) + 1;

class Counters {
 public:
  struct Options {
    bool has_sources = false;  // somebody may bring names
    // Stages of losses known beforehand: their series begin at 0.
    std::vector<std::string> loss_stages;
    ContainerSeries::Bounds series;
    size_t max_held = 1024;
    // Longer than the attribute stage looks for names.
    std::chrono::nanoseconds hold = std::chrono::seconds(35);
  };
  enum class Origin : uint8_t { kLive, kJournal };

  explicit Counters(const Options& options);

  // From the journal, it does not say how long its names took.
  void Count(const model::Event& event, Origin origin, uint64_t now_ns);
  void SetContainers(const std::vector<ContainerName>& names, uint64_t now_ns) {
    containers_.SetListed(names, now_ns);
  }
  void ExpectNames() { has_sources_ = true; }
  void Tick(uint64_t now_ns);

  void Render(MetricText& text) const;

  std::string Save() const;
  // Into counters just made, which are of no use where this fails. What was held waits anew.
  absl::Status Restore(std::string_view saved, uint64_t now_ns);

 private:
  class Reader;

  void CountLoss(const model::Loss& loss);
  void Hold(HeldEvent event);
  void Settle(const HeldEvent& event, uint64_t now_ns);
  void GiveUp(const HeldEvent& event, Unattributed reason, uint64_t now_ns);
  void Observe(const model::Event& event, Origin origin, uint64_t now_ns);

  bool has_sources_;
  size_t max_held_;
  uint64_t hold_ns_;

  ContainerSeries containers_;
  std::array<uint64_t, kScopes> incidents_{};
  std::map<std::string, uint64_t, std::less<>> lost_;  // by stage
  std::array<uint64_t, kUnattributedReasons> unattributed_{};
  std::array<uint64_t, kAttributionBuckets> attribution_{};
  uint64_t attribution_ns_ = 0;
  WarningCounters warnings_;
  HeldEvents held_;
  RecentIds seen_events_{1024};
  RecentIds seen_incidents_{256};
};

}  // namespace oomtrail::publish
