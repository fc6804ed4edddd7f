#include "agent/attribute/pod_builder.h"

#include <algorithm>
#include <utility>

namespace oomtrail::attribute {
namespace {

constexpr size_t kMaxOwners = 16;
// So that looking for a double takes no time worth speaking of.
constexpr size_t kMaxContainersInPod = 1'000;

std::optional<model::Runtime> RuntimeOf(std::string_view scheme) {
  if (scheme == "containerd") return model::Runtime::kContainerd;
  if (scheme == "cri-o") return model::Runtime::kCrio;
  if (scheme == "docker") return model::Runtime::kDocker;
  return std::nullopt;
}

}  // namespace

void PodBuilder::StartPod() {
  pod_ = PodEntry();
  uid_.clear();
  config_hash_.clear();
  config_mirror_.clear();
  owners_.clear();
  owner_ = OwnerReference();
  container_ = Container();
  spec_ = Spec();
  too_long_ = false;
}

void PodBuilder::TakeMetadata(std::string_view key, std::string_view value) {
  std::string* field = key == "name"        ? &pod_.facts.name
                       : key == "namespace" ? &pod_.facts.ns
                       : key == "uid"       ? &uid_
                                            : nullptr;
  if (field == nullptr) return;
  if (value.size() > kMaxNameBytes) {
    too_long_ = true;
  } else {
    *field = value;
  }
}

void PodBuilder::TakeLabel(std::string_view key, std::string_view value) {
  if (shown_.labels.Allows(key) || TellsWorkload(key)) {
    AddLabel(key, value, pod_.facts, listing_.skipped);
  }
}

void PodBuilder::TakeAnnotation(std::string_view key, std::string_view value) {
  TakeWish(key, value, pod_.wishes);
  if (shown_.annotations.Allows(key)) {
    AddAnnotation(key, value, pod_.facts, listing_.skipped);
  }
  if (value.size() > kMaxNameBytes) return;
  if (key == "kubernetes.io/config.hash") config_hash_ = value;
  if (key == "kubernetes.io/config.mirror") config_mirror_ = value;
}

void PodBuilder::TakeQos(std::string_view value) {
  if (value == "Guaranteed") pod_.facts.qos = model::Qos::kGuaranteed;
  if (value == "Burstable") pod_.facts.qos = model::Qos::kBurstable;
  if (value == "BestEffort") pod_.facts.qos = model::Qos::kBestEffort;
}

void PodBuilder::FinishOwner() {
  OwnerReference owner = std::exchange(owner_, OwnerReference());
  if (owners_.size() < kMaxOwners && owner.kind.size() <= kMaxNameBytes &&
      owner.name.size() <= kMaxNameBytes) {
    owners_.push_back(std::move(owner));
  }
}

void PodBuilder::AddContainer(std::string_view url, const model::ContainerFacts& facts) {
  if (url.empty()) return;  // not made yet
  const size_t colon = url.find("://");
  const auto id = colon == std::string_view::npos
                      ? std::nullopt
                      : model::ContainerId::Parse(url.substr(colon + 3));
  if (!id) {
    ++listing_.skipped.bad_id;
    return;
  }
  if (containers_taken_ == kMaxContainers || pod_.containers.size() == kMaxContainersInPod) {
    ++listing_.skipped.over_limit;
    return;
  }
  const bool known = std::any_of(pod_.containers.begin(), pod_.containers.end(),
                                 [&](const ContainerEntry& entry) { return entry.id == *id; });
  if (known) return;
  ++containers_taken_;
  pod_.containers.push_back({*id, facts, false});
  pod_.containers.back().facts.runtime = RuntimeOf(url.substr(0, colon));
}

void PodBuilder::FinishContainer() {
  const Container container = std::exchange(container_, Container());
  if (container.name.size() > kMaxNameBytes) {
    ++listing_.skipped.too_long;
    return;
  }
  model::ContainerFacts facts;
  facts.name = container.name;
  if (container.image.size() <= kMaxImageBytes) facts.image = container.image;
  facts.restart_count = container.restart_count;
  AddContainer(container.id, facts);
  AddContainer(container.ended_id, facts);
  // An image can be changed between two starts, so the one shown may not have been the previous
  // container's. The count is its own: the kubelet numbers a pod's containers one by one.
  facts.image.clear();
  if (facts.restart_count) {
    facts.restart_count =
        *facts.restart_count > 0 ? std::optional(*facts.restart_count - 1) : std::nullopt;
  }
  AddContainer(container.previous_id, facts);
}

void PodBuilder::FinishSpec(model::ContainerKind list) {
  Spec spec = std::exchange(spec_, Spec());
  if (spec.name.empty() || spec.name.size() > kMaxNameBytes) {
    if (!spec.name.empty()) ++listing_.skipped.too_long;
    return;
  }
  if (pod_.specs.size() == kMaxContainersInPod) {
    ++listing_.skipped.over_limit;
    return;
  }
  // It is started before the others and never waited for.
  const bool sidecar = list == model::ContainerKind::kInit && spec.restart_policy == "Always";
  model::ContainerFacts& facts = pod_.specs.emplace_back();
  facts.name = std::move(spec.name);
  facts.kind = sidecar ? model::ContainerKind::kSidecar : list;
  facts.memory_limit_bytes = spec.memory_limit_bytes;
  facts.memory_request_bytes = spec.memory_request_bytes;
}

void PodBuilder::FinishPod() {
  Skipped& skipped = listing_.skipped;
  uint64_t* refused = too_long_                                          ? &skipped.too_long
                      : pod_.facts.name.empty() || pod_.facts.ns.empty() ? &skipped.no_pod
                      : listing_.pods.size() == kMaxContainers           ? &skipped.over_limit
                                                                         : nullptr;
  if (refused != nullptr) {
    ++*refused;
    containers_taken_ -= pod_.containers.size();
    pod_ = PodEntry();
    return;
  }
  pod_.cgroup_uid = TakePodUid(uid_, pod_.facts);
  // A static pod's directory is named by the hash of its manifest, which its mirror in the API
  // repeats. The hash alone is an annotation that any pod may carry, so it takes both.
  const auto hash = model::PodUid::Parse(config_hash_);
  if (hash && hash->is_static_hash() && config_hash_ == config_mirror_) pod_.cgroup_uid = hash;
  pod_.facts.workload = WorkloadFromOwners(owners_, pod_.facts.labels);
  std::erase_if(pod_.facts.labels,
                [&](const auto& label) { return !shown_.labels.Allows(label.first); });
  pod_.metadata_is_current = true;
  pod_.specs.shrink_to_fit();
  pod_.containers.shrink_to_fit();
  listing_.pods.push_back(std::move(pod_));
  pod_ = PodEntry();
}

}  // namespace oomtrail::attribute
