#include "agent/attribute/kubelet_pods_json.h"

#include <cstdint>
#include <exception>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "agent/attribute/pod_builder.h"
#include "agent/attribute/quantity.h"
#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

using Json = nlohmann::json;

// Where in the document the reader is. kSkip: below a value nobody asked for.
enum class Place : uint8_t {
  kSkip,
  kTop,
  kRoot,
  kItems,
  kPod,
  kMetadata,
  kLabels,
  kAnnotations,
  kOwners,
  kOwner,
  kSpec,
  kPodResources,
  kPodLimits,
  kPodRequests,
  kAppSpecs,
  kInitSpecs,
  kEphemeralSpecs,
  kAppSpec,
  kInitSpec,
  kEphemeralSpec,
  kResources,
  kLimits,
  kRequests,
  kStatus,
  kContainerStatuses,
  kContainerStatus,
  kState,
  kLastState,
  kTerminated,
  kLastTerminated,
};

struct Step {
  Place from;
  std::string_view key;  // empty: any element of an array
  bool array;            // what has to be there: an array, else an object
  Place to;
};

constexpr Step kSteps[] = {
    {Place::kTop, "", false, Place::kRoot},
    {Place::kRoot, "items", true, Place::kItems},
    {Place::kItems, "", false, Place::kPod},
    {Place::kPod, "metadata", false, Place::kMetadata},
    {Place::kPod, "spec", false, Place::kSpec},
    {Place::kPod, "status", false, Place::kStatus},
    {Place::kMetadata, "labels", false, Place::kLabels},
    {Place::kMetadata, "annotations", false, Place::kAnnotations},
    {Place::kMetadata, "ownerReferences", true, Place::kOwners},
    {Place::kOwners, "", false, Place::kOwner},
    {Place::kSpec, "resources", false, Place::kPodResources},
    {Place::kPodResources, "limits", false, Place::kPodLimits},
    {Place::kPodResources, "requests", false, Place::kPodRequests},
    {Place::kSpec, "containers", true, Place::kAppSpecs},
    {Place::kSpec, "initContainers", true, Place::kInitSpecs},
    {Place::kSpec, "ephemeralContainers", true, Place::kEphemeralSpecs},
    {Place::kAppSpecs, "", false, Place::kAppSpec},
    {Place::kInitSpecs, "", false, Place::kInitSpec},
    {Place::kEphemeralSpecs, "", false, Place::kEphemeralSpec},
    {Place::kAppSpec, "resources", false, Place::kResources},
    {Place::kInitSpec, "resources", false, Place::kResources},
    {Place::kResources, "limits", false, Place::kLimits},
    {Place::kResources, "requests", false, Place::kRequests},
    {Place::kStatus, "containerStatuses", true, Place::kContainerStatuses},
    {Place::kStatus, "initContainerStatuses", true, Place::kContainerStatuses},
    {Place::kStatus, "ephemeralContainerStatuses", true, Place::kContainerStatuses},
    {Place::kContainerStatuses, "", false, Place::kContainerStatus},
    {Place::kContainerStatus, "state", false, Place::kState},
    {Place::kContainerStatus, "lastState", false, Place::kLastState},
    {Place::kState, "terminated", false, Place::kTerminated},
    {Place::kLastState, "terminated", false, Place::kLastTerminated},
};

Place Next(Place from, std::string_view key, bool array) {
  for (const Step& step : kSteps) {
    if (step.from == from && step.array == array && (step.key.empty() || step.key == key)) {
      return step.to;
    }
  }
  return Place::kSkip;
}

// Receives the parser's events; keeps the place and hands each wanted value to the builder.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  Reader(size_t size, const ShownMetadata& shown) : size_(size), builder_(shown) {
    places_.push_back(Place::kTop);
  }

  bool null() override {
    // A node without pods: Go writes an empty list this way.
    if (place() == Place::kRoot && key_ == "items") saw_items_ = true;
    return true;
  }
  bool boolean(bool value) override {
    if (place() == Place::kOwner && key_ == "controller") builder_.owner().controller = value;
    if (place() == Place::kSpec && key_ == "hostNetwork") builder_.facts().host_network = value;
    return true;
  }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t value) override {
    if (place() == Place::kContainerStatus && key_ == "restartCount" &&
        value <= std::numeric_limits<uint32_t>::max()) {
      builder_.container().restart_count = static_cast<uint32_t>(value);
    }
    return true;
  }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& value) override {
    Take(value);
    return true;
  }
  bool key(string_t& value) override {
    if (place() != Place::kSkip) key_ = std::move(value);
    return true;
  }
  bool start_object(size_t) override { return Enter(false); }
  bool start_array(size_t) override { return Enter(true); }
  bool end_array() override { return Leave(); }
  bool end_object() override { return Leave(); }
  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    // Not the parser's own words: they quote the text, which is untrusted and may be a secret.
    error_ =
        position > size_
            ? absl::DataLossError(base::StrCat("the JSON ends too early, after ", size_, " bytes"))
            : absl::InvalidArgumentError(base::StrCat("not JSON, at byte ", position));
    return false;
  }

  absl::StatusOr<Listing> Finish(bool complete) {
    if (!error_.ok()) return error_;
    if (!complete) return absl::InvalidArgumentError("not JSON");
    if (saw_items_) return builder_.TakeListing();
    return absl::InvalidArgumentError(
        "JSON, but not a list of pods: the kubelet's API has one at /pods");
  }

 private:
  Place place() const { return places_.back(); }

  bool Enter(bool array) {
    if (places_.size() > kMaxJsonDepth) {
      error_ = absl::InvalidArgumentError(
          base::StrCat("JSON nested deeper than the bound of ", kMaxJsonDepth, " levels"));
      return false;
    }
    const Place next = Next(place(), key_, array);
    if (next == Place::kItems) saw_items_ = true;
    if (next == Place::kPod) builder_.StartPod();
    // Go leaves out what is false.
    if (next == Place::kSpec) builder_.facts().host_network = false;
    places_.push_back(next);
    return true;
  }

  bool Leave() {
    const Place left = place();
    places_.pop_back();
    if (left == Place::kPod) builder_.FinishPod();
    if (left == Place::kOwner) builder_.FinishOwner();
    if (left == Place::kContainerStatus) builder_.FinishContainer();
    if (left == Place::kAppSpec) builder_.FinishSpec(model::ContainerKind::kApp);
    if (left == Place::kInitSpec) builder_.FinishSpec(model::ContainerKind::kInit);
    if (left == Place::kEphemeralSpec) builder_.FinishSpec(model::ContainerKind::kEphemeral);
    return true;
  }

  void Take(std::string& value) {
    switch (place()) {
      case Place::kMetadata: return builder_.TakeMetadata(key_, value);
      case Place::kLabels: return builder_.TakeLabel(key_, value);
      case Place::kAnnotations: return builder_.TakeAnnotation(key_, value);
      case Place::kOwner:
        if (key_ == "kind") {
          builder_.owner().kind = std::move(value);
        } else if (key_ == "name") {
          builder_.owner().name = std::move(value);
        }
        return;
      case Place::kAppSpec:
      case Place::kInitSpec:
      case Place::kEphemeralSpec:
        if (key_ == "name") {
          builder_.spec().name = std::move(value);
        } else if (key_ == "restartPolicy") {
          builder_.spec().restart_policy = std::move(value);
        }
        return;
      case Place::kPodLimits: return TakeMemory(value, builder_.facts().memory_limit_bytes);
      case Place::kPodRequests: return TakeMemory(value, builder_.facts().memory_request_bytes);
      case Place::kLimits: return TakeMemory(value, builder_.spec().memory_limit_bytes);
      case Place::kRequests: return TakeMemory(value, builder_.spec().memory_request_bytes);
      case Place::kStatus:
        if (key_ == "qosClass") builder_.TakeQos(value);
        return;
      case Place::kContainerStatus:
        if (key_ == "name") {
          builder_.container().name = std::move(value);
        } else if (key_ == "image") {
          builder_.container().image = std::move(value);
        } else if (key_ == "containerID") {
          builder_.container().id = std::move(value);
        }
        return;
      case Place::kTerminated:
        if (key_ == "containerID") builder_.container().ended_id = std::move(value);
        return;
      case Place::kLastTerminated:
        if (key_ == "containerID") builder_.container().previous_id = std::move(value);
        return;
      default: return;
    }
  }

  void TakeMemory(std::string_view value, std::optional<uint64_t>& bytes) {
    if (key_ == "memory") bytes = ParseMemoryQuantity(value);
  }

  const size_t size_;
  std::vector<Place> places_;
  std::string key_;
  bool saw_items_ = false;
  absl::Status error_;
  PodBuilder builder_;
};

}  // namespace

absl::StatusOr<Listing> ParseKubeletPods(std::string_view json, const ShownMetadata& shown) {
  try {
    Reader reader(json.size(), shown);
    const bool complete = Json::sax_parse(json.begin(), json.end(), &reader);
    return reader.Finish(complete);
  } catch (const std::exception& e) {
    return absl::InternalError(base::StrCat("the JSON reader failed: ", e.what()));
  }
}

}  // namespace oomtrail::attribute
