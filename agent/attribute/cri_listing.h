// A CRI runtime's answers, joined into pods. Pure and thread-safe; what the answers hold is
// untrusted.
#pragma once

#include <optional>
#include <string_view>

#include "agent/attribute/key_list.h"
#include "agent/attribute/name_source.h"
#include "runtime/v1/api.pb.h"

namespace oomtrail::attribute {

// The runtime by the name that Version gives it.
std::optional<model::Runtime> RuntimeFromName(std::string_view name);

// Containers in every state, exited ones too, under their pods. A container's own labels name its
// pod; the sandbox gives the pod's labels and annotations, and the pod's name where the container
// has no labels.
Listing JoinCriAnswers(const ::runtime::v1::ListPodSandboxResponse& sandboxes,
                       const ::runtime::v1::ListContainersResponse& containers,
                       std::optional<model::Runtime> runtime, const ShownMetadata& shown);

}  // namespace oomtrail::attribute
