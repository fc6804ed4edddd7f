// Something that knows the names of this node's pods and containers: the CRI runtime, the kubelet.
//
// List() blocks, for a bounded time, and is called from one thread at a time. Cancel() may be
// called from any other. What a source returns is untrusted text, bounded in size and in number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/attribute/pod_wishes.h"
#include "agent/attribute/refresh_schedule.h"
#include "agent/model/event.h"
#include "agent/model/ids.h"

namespace oomtrail::attribute {

// Kubernetes allows 253 bytes for a name; what is longer was not made by it.
inline constexpr size_t kMaxNameBytes = 253;
inline constexpr size_t kMaxImageBytes = 1024;
inline constexpr size_t kMaxLabelKeyBytes = 253 + 1 + 63;
inline constexpr size_t kMaxLabelValueBytes = 63;
inline constexpr size_t kMaxLabels = 128;
// Kubernetes sets no such bound; longer ones are documents, not names.
inline constexpr size_t kMaxAnnotationValueBytes = 1024;
inline constexpr size_t kMaxAnnotations = 32;
// Containers in one listing. A node runs some hundreds.
inline constexpr size_t kMaxContainers = 20'000;

struct ContainerEntry {
  model::ContainerId id;
  model::ContainerFacts facts;
  // The sandbox's own container (its cgroup carries the sandbox's id); its facts have no name.
  bool sandbox = false;

  bool operator==(const ContainerEntry&) const = default;
};

struct PodEntry {
  model::PodFacts facts;
  // The uid as cgroup paths show it: for a static pod the hash of its manifest.
  std::optional<model::PodUid> cgroup_uid;
  // May be empty: a pod can be known before its containers are.
  std::vector<ContainerEntry> containers;
  // What the manifest says of its containers, by their names, made or not.
  std::vector<model::ContainerFacts> specs;
  // Labels and annotations are the pod's as they are now, not as they were when it was made.
  bool metadata_is_current = false;
  Wishes wishes;

  bool operator==(const PodEntry&) const = default;
};

// What a listing held and the agent did not take.
struct Skipped {
  uint64_t bad_id = 0;      // container ids that are not 64 hex digits
  uint64_t no_pod = 0;      // containers that name no pod
  uint64_t too_long = 0;    // pods and containers with a name that Kubernetes would not allow
  uint64_t over_limit = 0;  // containers beyond kMaxContainers
  uint64_t labels = 0;      // labels and annotations too long, or beyond their number

  uint64_t Total() const { return bad_id + no_pod + too_long + over_limit + labels; }
  bool operator==(const Skipped&) const = default;
};

struct Listing {
  std::vector<PodEntry> pods;
  Skipped skipped;
};

class NameSource {
 public:
  virtual ~NameSource() = default;

  // "cri" or "kubelet": the word in an event's attribution.sources.
  virtual std::string_view name() const = 0;
  // Where it is asked, for people: "unix:///run/containerd/containerd.sock".
  // For the thread that calls List().
  virtual std::string_view where() const = 0;
  virtual RefreshPacing pacing() const { return {}; }
  // Whether there is anybody to ask, or ever was. Waits for nobody; for the thread of List().
  virtual bool Present() { return true; }
  virtual absl::StatusOr<Listing> List() = 0;
  // Ends a List() in progress and lets every later one fail with CANCELLED. For shutdown.
  virtual void Cancel() = 0;
};

// Adds the label or annotation unless it is over a bound, which is then counted.
void AddLabel(std::string_view key, std::string_view value, model::PodFacts& pod, Skipped& skipped);
void AddAnnotation(std::string_view key, std::string_view value, model::PodFacts& pod,
                   Skipped& skipped);

// The uid under which cgroup paths show a pod whose kubelet uid is `uid`, and `facts.uid` set from
// it. A static pod's kubelet uid is the hash of its manifest, which is no uid of the API server.
std::optional<model::PodUid> TakePodUid(std::string_view uid, model::PodFacts& facts);

}  // namespace oomtrail::attribute
