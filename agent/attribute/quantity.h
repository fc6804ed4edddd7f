// An amount of memory as Kubernetes writes it. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace oomtrail::attribute {

// "512Mi", "1.5G", "134217728", "129e6", "128974848000m": in bytes, a part of one rounded up, as
// the kubelet does. Nothing for what is no quantity, is negative, or fits no 64 bits.
std::optional<uint64_t> ParseMemoryQuantity(std::string_view text);

}  // namespace oomtrail::attribute
