#include "agent/attribute/name_source.h"

namespace oomtrail::attribute {

void AddLabel(std::string_view key, std::string_view value, model::PodFacts& pod,
              Skipped& skipped) {
  const bool fits = !key.empty() && key.size() <= kMaxLabelKeyBytes &&
                    value.size() <= kMaxLabelValueBytes && pod.labels.size() < kMaxLabels;
  if (fits) {
    pod.labels.emplace(key, value);
  } else {
    ++skipped.labels;
  }
}

void AddAnnotation(std::string_view key, std::string_view value, model::PodFacts& pod,
                   Skipped& skipped) {
  const bool fits = !key.empty() && key.size() <= kMaxLabelKeyBytes &&
                    value.size() <= kMaxAnnotationValueBytes &&
                    pod.annotations.size() < kMaxAnnotations;
  if (fits) {
    pod.annotations.emplace(key, value);
  } else {
    ++skipped.labels;
  }
}

std::optional<model::PodUid> TakePodUid(std::string_view uid, model::PodFacts& facts) {
  auto parsed = model::PodUid::Parse(uid);
  const bool static_hash = parsed && parsed->is_static_hash();
  if (!static_hash && uid.size() <= kMaxNameBytes) facts.uid = uid;
  return parsed;
}

}  // namespace oomtrail::attribute
