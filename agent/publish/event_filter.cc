#include "agent/publish/event_filter.h"

#include <algorithm>
#include <string_view>

#include "agent/base/strings.h"

namespace oomtrail::publish {
namespace {

bool AnyOf(const std::vector<std::string>& wanted, std::string_view name) {
  return std::ranges::find(wanted, name) != wanted.end();
}

bool AnyPattern(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    return base::ConsumeSuffix(&pattern, "*") ? name.starts_with(pattern) : name == pattern;
  });
}

bool AnyWorkload(const std::vector<std::string>& wanted, const model::PodFacts& pod) {
  if (!pod.workload || pod.workload->name.empty()) return false;
  const std::string whole = base::StrCat(pod.workload->kind, "/", pod.workload->name);
  return AnyOf(wanted, whole) || AnyOf(wanted, pod.workload->name);
}

bool HasLabels(const std::vector<std::pair<std::string, std::string>>& wanted,
               const model::PodFacts& pod) {
  return std::ranges::all_of(wanted, [&](const auto& label) {
    const auto found = pod.labels.find(label.first);
    return found != pod.labels.end() && found->second == label.second;
  });
}

}  // namespace

bool EventFilter::Matches(const model::Event& event) const {
  if (!kinds.empty() && std::ranges::find(kinds, event.kind) == kinds.end()) return false;
  if (!scopes.empty() &&
      (!event.scope || std::ranges::find(scopes, *event.scope) == scopes.end())) {
    return false;
  }
  if (!containers.empty() && (!event.container || !AnyOf(containers, event.container->name))) {
    return false;
  }
  if (namespaces.empty() && pods.empty() && labels.empty() && workloads.empty()) return true;
  if (!event.pod) return false;
  return (namespaces.empty() || AnyOf(namespaces, event.pod->ns)) &&
         (pods.empty() || AnyPattern(pods, event.pod->name)) && HasLabels(labels, *event.pod) &&
         (workloads.empty() || AnyWorkload(workloads, *event.pod));
}

bool EventSelection::Admits(const model::Event& event) const {
  if (event.kind == model::Kind::kLost) return true;
  const auto matches = [&](const EventFilter& filter) { return filter.Matches(event); };
  return (allow.empty() || std::ranges::any_of(allow, matches)) &&
         std::ranges::none_of(deny, matches);
}

}  // namespace oomtrail::publish
