// Which workload a pod belongs to. Pure and thread-safe.
//
// Only what is proven by the pod's own metadata is said. An owner reference is the API server's
// word; what is read out of the shape of names and labels is marked `inferred`, and is read only
// where name and label agree with each other.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/model/event.h"

namespace oomtrail::attribute {

struct OwnerReference {
  std::string kind;
  std::string name;
  bool controller = false;
};

using Labels = std::map<std::string, std::string>;

// By the controlling owner. A ReplicaSet named after the pod's template hash stands for its
// Deployment, a Job named after a minute of the clock for its CronJob: both inferred.
std::optional<model::Workload> WorkloadFromOwners(std::span<const OwnerReference> owners,
                                                  const Labels& labels);

// By the labels that Kubernetes' own controllers set, for sources that do not know owners. Always
// inferred; nothing where the pod's name does not have the form that the controller gives it.
std::optional<model::Workload> WorkloadFromLabels(std::string_view pod_name, const Labels& labels);

// Whether one of the above looks at a label of this key.
bool TellsWorkload(std::string_view label);

}  // namespace oomtrail::attribute
