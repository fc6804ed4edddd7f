// Gathers one pod at a time out of the fields that the kubelet's JSON shows in any order, and keeps
// it if it is sound. Not thread-safe; made and used by ParseKubeletPods.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribute/key_list.h"
#include "agent/attribute/name_source.h"
#include "agent/attribute/workload.h"

namespace oomtrail::attribute {

class PodBuilder {
 public:
  // One element of a *ContainerStatuses list. The ids are "containerd://<64 hex digits>".
  struct Container {
    std::string name;
    std::string image;
    std::string id;
    std::string ended_id;     // state.terminated: the same container, or absent
    std::string previous_id;  // lastState.terminated: the one before, in a crash loop
    std::optional<uint32_t> restart_count;
  };

  // One element of a list of containers in the manifest.
  struct Spec {
    std::string name;
    std::string restart_policy;
    std::optional<uint64_t> memory_limit_bytes;
    std::optional<uint64_t> memory_request_bytes;
  };

  explicit PodBuilder(const ShownMetadata& shown) : shown_(shown) {}

  void StartPod();
  void TakeMetadata(std::string_view key, std::string_view value);
  void TakeLabel(std::string_view key, std::string_view value);
  void TakeAnnotation(std::string_view key, std::string_view value);
  void TakeQos(std::string_view value);
  model::PodFacts& facts() { return pod_.facts; }

  OwnerReference& owner() { return owner_; }
  void FinishOwner();
  Container& container() { return container_; }
  void FinishContainer();
  Spec& spec() { return spec_; }
  void FinishSpec(model::ContainerKind list);  // kInit for a sidecar too
  void FinishPod();

  Listing TakeListing() { return std::move(listing_); }

 private:
  void AddContainer(std::string_view url, const model::ContainerFacts& facts);

  const ShownMetadata& shown_;
  Listing listing_;
  size_t containers_taken_ = 0;

  PodEntry pod_;
  std::string uid_;
  std::string config_hash_;
  std::string config_mirror_;
  std::vector<OwnerReference> owners_;
  OwnerReference owner_;
  Container container_;
  Spec spec_;
  bool too_long_ = false;
};

}  // namespace oomtrail::attribute
