// The kubelet's answer to GET /pods, read. Pure and thread-safe.
//
// The text is untrusted: whatever it holds, this returns, throws nothing, and takes memory in
// proportion to what is kept. It is read once, front to back, without a tree of it in memory; a
// field of the wrong type is as good as absent.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/attribute/key_list.h"
#include "agent/attribute/name_source.h"

namespace oomtrail::attribute {

// A pod nests about a dozen levels.
inline constexpr size_t kMaxJsonDepth = 64;

// DATA_LOSS where the text ends too early, INVALID_ARGUMENT where it is not a list of pods.
absl::StatusOr<Listing> ParseKubeletPods(std::string_view json, const ShownMetadata& shown);

}  // namespace oomtrail::attribute
