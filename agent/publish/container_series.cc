#include "agent/publish/container_series.h"

#include <algorithm>

namespace oomtrail::publish {
namespace {

constexpr size_t Index(model::Scope scope) { return static_cast<size_t>(scope); }

// What nearly every kill is; the other scopes get a series when they happen.
constexpr size_t kFromTheStart[] = {Index(model::Scope::kContainer), Index(model::Scope::kPod),
                                    Index(model::Scope::kAncestor), Index(model::Scope::kNode)};

size_t CountSeries(const ContainerSeries::Values& values) {
  return static_cast<size_t>(std::count_if(values.begin(), values.end(),
                                           [](const auto& value) { return value.has_value(); }));
}

bool CanBeListed(const ContainerName& name) {
  return !name.ns.empty() && !name.pod.empty() && !name.container.empty();
}

}  // namespace

size_t ScopeIndex(std::optional<model::Scope> scope) {
  return scope ? Index(*scope) : kUnknownScope;
}

std::string_view ScopeLabel(size_t scope_index) {
  return scope_index >= kUnknownScope ? "unknown"
                                      : model::Name(static_cast<model::Scope>(scope_index));
}

ContainerSeries::ContainerSeries(Bounds bounds) : bounds_(bounds) {
  for (const size_t series : kFromTheStart) nameless_[series] = 0;
  nameless_[Index(model::Scope::kHost)] = 0;
  nameless_[kUnknownScope] = 0;
  for (size_t reason = 0; reason < kWarningReasons; ++reason) nameless_[kWarnings + reason] = 0;
}

void ContainerSeries::Add(const ContainerName& name, size_t series, uint64_t amount,
                          uint64_t now_ns) {
  const auto add_to = [&](std::optional<uint64_t>& value) {
    value = Sum(value.value_or(0), amount);
  };
  if (name == ContainerName{}) {
    add_to(nameless_[series]);
    return;
  }
  auto found = containers_.find(name);
  if (found == containers_.end() || !found->second.values[series]) {
    if (!MakeRoom()) {
      ++refused_;
      add_to(nameless_[series]);
      return;
    }
    // Not `found`: the room may be that of this very container's zeros.
    found = containers_.try_emplace(name).first;
    found->second.values[series] = 0;
    ++series_;
    ++zeros_;
  }
  Entry& entry = found->second;
  if (entry.values[series] == 0U && amount != 0) --zeros_;
  add_to(entry.values[series]);
  if (!entry.listed) LetRest(entry, now_ns);
}

void ContainerSeries::LetRest(Entry& entry, uint64_t now_ns) {
  entry.at_rest_since = now_ns;
  next_sweep_ns_ = std::min(next_sweep_ns_, ExpiryOf(entry));
}

uint64_t ContainerSeries::ExpiryOf(const Entry& entry) const {
  return entry.at_rest_since + static_cast<uint64_t>(bounds_.keep_gone.count());
}

// A kill matters more than a 0, and the 0 of a container that is there more than that of one that
// is not.
bool ContainerSeries::MakeRoom() {
  for (const bool listed_too : {false, true}) {
    if (series_ < bounds_.max_series) return true;
    if (zeros_ > 0) LetZerosGo(listed_too);
  }
  return series_ < bounds_.max_series;
}

// All zeros of what is gone; of what is listed, those of one container.
void ContainerSeries::LetZerosGo(bool listed_too) {
  for (auto it = containers_.begin(); it != containers_.end();) {
    Entry& entry = it->second;
    const size_t dropped = entry.listed && !listed_too ? 0 : DropZeros(entry.values);
    it = CountSeries(entry.values) == 0 ? containers_.erase(it) : std::next(it);
    if (dropped != 0 && listed_too) return;
  }
}

size_t ContainerSeries::DropZeros(Values& values) {
  size_t dropped = 0;
  for (std::optional<uint64_t>& value : values) {
    if (value != 0U) continue;
    value.reset();
    ++dropped;
  }
  series_ -= dropped;
  zeros_ -= dropped;
  return dropped;
}

void ContainerSeries::AddZeros(const ContainerName& name) {
  if (series_ + std::size(kFromTheStart) > bounds_.max_series) return;
  Entry& entry = containers_[name];
  entry.listed = true;
  entry.listing = listing_;
  for (const size_t series : kFromTheStart) {
    if (entry.values[series]) continue;
    entry.values[series] = 0;
    ++series_;
    ++zeros_;
  }
}

void ContainerSeries::SetListed(const std::vector<ContainerName>& names, uint64_t now_ns) {
  ++listing_;
  size_t unknown = 0;
  for (const ContainerName& name : names) {
    if (!CanBeListed(name)) continue;
    const auto found = containers_.find(name);
    if (found == containers_.end()) {
      ++unknown;
      continue;
    }
    found->second.listed = true;
    found->second.listing = listing_;
  }
  for (auto& [name, entry] : containers_) {
    if (!entry.listed || entry.listing == listing_) continue;
    entry.listed = false;
    LetRest(entry, now_ns);
  }
  const size_t wanted = series_ + unknown * std::size(kFromTheStart);
  if (wanted > bounds_.max_series && zeros_ > 0) LetZerosGo(/*listed_too=*/false);
  for (const ContainerName& name : names) {
    if (CanBeListed(name)) AddZeros(name);
  }
}

void ContainerSeries::Sweep(uint64_t now_ns) {
  if (now_ns < next_sweep_ns_) return;
  next_sweep_ns_ = UINT64_MAX;
  for (auto it = containers_.begin(); it != containers_.end();) {
    Entry& entry = it->second;
    if (entry.listed || now_ns < ExpiryOf(entry)) {
      if (!entry.listed) next_sweep_ns_ = std::min(next_sweep_ns_, ExpiryOf(entry));
      ++it;
      continue;
    }
    DropZeros(entry.values);
    series_ -= CountSeries(entry.values);
    it = containers_.erase(it);
  }
}

}  // namespace oomtrail::publish
