// The series of the metrics that have a container's names as labels: bounded, and let go when their
// container is gone for good. Owned and called by one thread; times are of the boot clock.
//
// A listed container has its series at 0 before anything happens, since increase() does not see the
// first value of a series. What has no names, or found no room, is counted under empty names.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/event.h"

namespace oomtrail::publish {

// Each made by LabelValue(); all empty: no container.
struct ContainerName {
  std::string ns;
  std::string pod;
  std::string container;

  auto operator<=>(const ContainerName&) const = default;
};

// What is counted of a container: its kills by model::Scope, those of unknown scope, its OOMs
// without a kill, and its warnings by model::WarningReason.
inline constexpr size_t kUnknownScope = static_cast<size_t>(model::Scope::kHost) + 1;
inline constexpr size_t kScopes = kUnknownScope + 1;
inline constexpr size_t kWithoutKill = kScopes;
inline constexpr size_t kWarnings = kWithoutKill + 1;
inline constexpr size_t kWarningReasons = static_cast<size_t>(model::WarningReason::kPressure) + 1;
inline constexpr size_t kSeriesOfContainer = kWarnings + kWarningReasons;

// Amounts come from the kernel, or from a file: a sum stays at the end of its range.
constexpr uint64_t Sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

size_t ScopeIndex(std::optional<model::Scope> scope);
// "container", …, "unknown"
std::string_view ScopeLabel(size_t scope_index);

class ContainerSeries {
 public:
  struct Bounds {
    size_t max_series = 10'000;  // beside those under empty names
    std::chrono::nanoseconds keep_gone = std::chrono::hours(1);
  };
  // Absent: there is no such series.
  using Values = std::array<std::optional<uint64_t>, kSeriesOfContainer>;

  explicit ContainerSeries(Bounds bounds);

  // `series`: a scope's index, kWithoutKill, or kWarnings and a reason. Where there is no room even
  // after series that are 0 have been let go, the amount goes under empty names, and refused()
  // rises.
  void Add(const ContainerName& name, size_t series, uint64_t amount, uint64_t now_ns);

  // The complete list of the containers that are there now. One without all its names is passed
  // over.
  void SetListed(const std::vector<ContainerName>& names, uint64_t now_ns);

  // Lets go of what has been unlisted and at rest for keep_gone.
  void Sweep(uint64_t now_ns);

  uint64_t refused() const { return refused_; }
  void RestoreRefused(uint64_t refused) { refused_ = refused; }

  // visit(const ContainerName&, const Values&), in the order of names.
  template <typename Visit>
  void ForEach(Visit visit) const {
    visit(ContainerName{}, nameless_);
    for (const auto& [name, entry] : containers_) visit(name, entry.values);
  }

 private:
  struct Entry {
    Values values;
    bool listed = false;
    uint64_t listing = 0;        // the last one that had it
    uint64_t at_rest_since = 0;  // where not listed: since when nothing happened
  };

  bool MakeRoom();
  void LetZerosGo(bool listed_too);
  size_t DropZeros(Values& values);
  void AddZeros(const ContainerName& name);
  void LetRest(Entry& entry, uint64_t now_ns);
  uint64_t ExpiryOf(const Entry& entry) const;

  Bounds bounds_;
  Values nameless_;
  std::map<ContainerName, Entry> containers_;  // each with at least one series
  size_t series_ = 0;                          // those of containers_
  size_t zeros_ = 0;                           // those of them that are 0
  uint64_t listing_ = 0;
  uint64_t next_sweep_ns_ = UINT64_MAX;  // nothing expires earlier
  uint64_t refused_ = 0;
};

}  // namespace oomtrail::publish
