#include "agent/attribute/merge_facts.h"

#include <string>

namespace oomtrail::attribute {
namespace {

bool Agree(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

template <typename Field>
bool FillEmpty(const Field& from, Field& to) {
  if (!to.empty() || from.empty()) return false;
  to = from;
  return true;
}

// The kubelet asks the runtime for an image by its id, and most runtimes keep nothing else of it.
bool IsImageId(const std::string& image) { return image.starts_with("sha256:"); }

bool FillImage(const std::string& from, std::string& to) {
  if (IsImageId(to) && !from.empty() && !IsImageId(from)) to.clear();
  return FillEmpty(from, to);
}

template <typename Field>
bool FillAbsent(const std::optional<Field>& from, std::optional<Field>& to) {
  if (to || !from) return false;
  to = from;
  return true;
}

}  // namespace

bool SamePod(const model::PodFacts& a, const model::PodFacts& b) {
  return Agree(a.name, b.name) && Agree(a.ns, b.ns) && Agree(a.uid, b.uid);
}

bool FillIn(const model::PodFacts& from, model::PodFacts& to) {
  if (!SamePod(from, to)) return false;
  bool added = FillEmpty(from.name, to.name);
  added |= FillEmpty(from.ns, to.ns);
  added |= FillEmpty(from.uid, to.uid);
  added |= FillAbsent(from.qos, to.qos);
  added |= FillEmpty(from.labels, to.labels);
  added |= FillEmpty(from.annotations, to.annotations);
  added |= FillAbsent(from.host_network, to.host_network);
  added |= FillAbsent(from.memory_limit_bytes, to.memory_limit_bytes);
  added |= FillAbsent(from.memory_request_bytes, to.memory_request_bytes);
  if (from.workload && (!to.workload || (to.workload->inferred && !from.workload->inferred))) {
    to.workload = from.workload;
    added = true;
  }
  return added;
}

bool TakeMetadata(const model::PodFacts& from, model::PodFacts& to) {
  if (from.labels == to.labels && from.annotations == to.annotations) return false;
  to.labels = from.labels;
  to.annotations = from.annotations;
  return true;
}

bool FillIn(const model::ContainerFacts& from, model::ContainerFacts& to) {
  bool added = FillEmpty(from.name, to.name);
  added |= FillImage(from.image, to.image);
  added |= FillAbsent(from.restart_count, to.restart_count);
  added |= FillAbsent(from.runtime, to.runtime);
  added |= FillAbsent(from.kind, to.kind);
  added |= FillAbsent(from.memory_limit_bytes, to.memory_limit_bytes);
  added |= FillAbsent(from.memory_request_bytes, to.memory_request_bytes);
  return added;
}

}  // namespace oomtrail::attribute
