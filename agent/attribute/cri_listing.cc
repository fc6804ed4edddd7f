#include "agent/attribute/cri_listing.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/attribute/workload.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

using ::runtime::v1::Container;
using ::runtime::v1::PodSandbox;
using StringMap = google::protobuf::Map<std::string, std::string>;

constexpr char kPodName[] = "io.kubernetes.pod.name";
constexpr char kPodNamespace[] = "io.kubernetes.pod.namespace";
constexpr char kPodUid[] = "io.kubernetes.pod.uid";
constexpr char kContainerName[] = "io.kubernetes.container.name";
constexpr char kRestartCount[] = "io.kubernetes.container.restartCount";

std::string_view Find(const StringMap& map, const char* key) {
  const auto it = map.find(key);
  return it == map.end() ? std::string_view() : std::string_view(it->second);
}

struct PodName {
  std::string_view name;
  std::string_view ns;
  std::string_view uid;

  bool empty() const { return name.empty() || ns.empty(); }
  bool too_long() const {
    return name.size() > kMaxNameBytes || ns.size() > kMaxNameBytes || uid.size() > kMaxNameBytes;
  }
  // A pod that is deleted and made again keeps its name, not its uid.
  std::string Key() const { return base::StrCat(ns, "/", name, "/", uid); }
};

PodName NameFromLabels(const StringMap& labels) {
  return {Find(labels, kPodName), Find(labels, kPodNamespace), Find(labels, kPodUid)};
}

class Joiner {
 public:
  Joiner(std::optional<model::Runtime> runtime, const ShownMetadata& shown)
      : runtime_(runtime), shown_(shown) {}

  void Add(const PodSandbox& sandbox) {
    PodName name = NameFromLabels(sandbox.labels());
    if (name.empty()) {
      name = {sandbox.metadata().name(), sandbox.metadata().namespace_(), sandbox.metadata().uid()};
    }
    const auto pod = PodOf(name);
    if (!pod) return;
    sandboxes_.emplace(sandbox.id(), *pod);
    // A pod may have had several sandboxes; the last one's labels are the pod's.
    if (const uint32_t attempt = sandbox.metadata().attempt(); attempt >= attempts_[*pod]) {
      attempts_[*pod] = attempt;
      TakeMetadata(sandbox, listing_.pods[*pod]);
    }
    if (const auto id = TakeId(sandbox.id())) {
      model::ContainerFacts facts;
      facts.runtime = runtime_;
      listing_.pods[*pod].containers.push_back({*id, std::move(facts), true});
    }
  }

  void Add(const Container& container) {
    std::optional<size_t> pod;
    if (const PodName name = NameFromLabels(container.labels()); !name.empty()) {
      pod = PodOf(name);
      if (!pod) return;
    } else if (const auto it = sandboxes_.find(container.pod_sandbox_id());
               it != sandboxes_.end()) {
      pod = it->second;
    } else {
      ++listing_.skipped.no_pod;
      return;
    }
    std::string_view name = Find(container.labels(), kContainerName);
    if (name.empty()) name = container.metadata().name();
    if (name.size() > kMaxNameBytes) {
      ++listing_.skipped.too_long;
      return;
    }
    const auto id = TakeId(container.id());
    if (!id) return;
    model::ContainerFacts facts;
    facts.name = name;
    facts.image = ImageOf(container);
    facts.runtime = runtime_;
    uint32_t restarts = 0;
    if (base::SimpleAtoi(Find(container.annotations(), kRestartCount), &restarts)) {
      facts.restart_count = restarts;
    }
    listing_.pods[*pod].containers.push_back({*id, std::move(facts), false});
  }

  Listing Finish() {
    for (PodEntry& pod : listing_.pods) {
      pod.facts.workload = WorkloadFromLabels(pod.facts.name, pod.facts.labels);
      std::erase_if(pod.facts.labels,
                    [&](const auto& label) { return !shown_.labels.Allows(label.first); });
    }
    return std::move(listing_);
  }

 private:
  void TakeMetadata(const PodSandbox& sandbox, PodEntry& entry) {
    model::PodFacts& pod = entry.facts;
    entry.wishes.clear();
    pod.labels.clear();
    pod.annotations.clear();
    for (const auto& [key, value] : sandbox.labels()) {
      if (key.starts_with("io.kubernetes.")) continue;  // the kubelet's own
      if (!shown_.labels.Allows(key) && !TellsWorkload(key)) continue;
      AddLabel(key, value, pod, listing_.skipped);
    }
    for (const auto& [key, value] : sandbox.annotations()) {
      TakeWish(key, value, entry.wishes);
      if (shown_.annotations.Allows(key)) AddAnnotation(key, value, pod, listing_.skipped);
    }
  }

  // Index of the pod in the listing, made if new.
  std::optional<size_t> PodOf(const PodName& name) {
    if (name.empty() || name.too_long()) {
      ++(name.empty() ? listing_.skipped.no_pod : listing_.skipped.too_long);
      return std::nullopt;
    }
    if (const auto known = pods_.find(name.Key()); known != pods_.end()) return known->second;
    if (listing_.pods.size() == kMaxContainers) {
      ++listing_.skipped.over_limit;
      return std::nullopt;
    }
    PodEntry entry;
    entry.facts.name = name.name;
    entry.facts.ns = name.ns;
    entry.cgroup_uid = TakePodUid(name.uid, entry.facts);
    pods_.emplace(name.Key(), listing_.pods.size());
    attempts_.push_back(0);
    listing_.pods.push_back(std::move(entry));
    return listing_.pods.size() - 1;
  }

  std::optional<model::ContainerId> TakeId(std::string_view text) {
    auto id = model::ContainerId::Parse(text);
    if (!id) {
      ++listing_.skipped.bad_id;
    } else if (taken_ == kMaxContainers) {
      ++listing_.skipped.over_limit;
      id.reset();
    } else {
      ++taken_;
    }
    return id;
  }

  static std::string ImageOf(const Container& container) {
    for (const std::string* image : {&container.image().user_specified_image(),
                                     &container.image().image(), &container.image_ref()}) {
      if (!image->empty() && image->size() <= kMaxImageBytes) return *image;
    }
    return "";
  }

  const std::optional<model::Runtime> runtime_;
  const ShownMetadata& shown_;
  Listing listing_;
  size_t taken_ = 0;
  absl::flat_hash_map<std::string, size_t> pods_;
  absl::flat_hash_map<std::string, size_t> sandboxes_;
  std::vector<uint32_t> attempts_;  // by pod: of the sandbox whose labels it has
};

}  // namespace

std::optional<model::Runtime> RuntimeFromName(std::string_view name) {
  if (name == "containerd") return model::Runtime::kContainerd;
  if (name == "cri-o") return model::Runtime::kCrio;
  if (name == "docker") return model::Runtime::kDocker;
  return std::nullopt;
}

Listing JoinCriAnswers(const ::runtime::v1::ListPodSandboxResponse& sandboxes,
                       const ::runtime::v1::ListContainersResponse& containers,
                       std::optional<model::Runtime> runtime, const ShownMetadata& shown) {
  Joiner joiner(runtime, shown);
  for (const PodSandbox& sandbox : sandboxes.items()) joiner.Add(sandbox);
  for (const Container& container : containers.containers()) joiner.Add(container);
  return joiner.Finish();
}

}  // namespace oomtrail::attribute
