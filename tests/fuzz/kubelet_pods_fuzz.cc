// Whatever text is taken for the kubelet's list of pods: it is read or refused, within its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/attribute/kubelet_pods_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace oomtrail::attribute;
  const auto listing =
      ParseKubeletPods({reinterpret_cast<const char*>(bytes), size},
                       {.labels = KeyList::Everything(), .annotations = KeyList::Everything()});
  if (!listing.ok()) return 0;
  size_t containers = 0;
  for (const PodEntry& pod : listing->pods) {
    if (pod.facts.name.empty() || pod.facts.name.size() > kMaxNameBytes) std::abort();
    if (pod.facts.ns.empty() || pod.facts.ns.size() > kMaxNameBytes) std::abort();
    if (pod.facts.labels.size() > kMaxLabels) std::abort();
    if (pod.facts.annotations.size() > kMaxAnnotations) std::abort();
    if (pod.wishes.size() > kMaxWishes) std::abort();
    const PodRule rule = ReadWishes(pod.wishes, {});
    if (rule.warn.seconds < 0 || rule.warn.seconds > kMaxWarnSeconds) std::abort();
    if (rule.warn.percent < 1 || rule.warn.percent > 100) std::abort();
    for (const auto& spec : pod.specs) {
      if (spec.name.empty() || spec.name.size() > kMaxNameBytes || !spec.kind) std::abort();
    }
    if (pod.facts.workload && pod.facts.workload->name.size() > kMaxNameBytes) std::abort();
    containers += pod.containers.size();
  }
  if (containers > kMaxContainers) std::abort();
  return 0;
}
