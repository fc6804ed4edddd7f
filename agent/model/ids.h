// Identifiers as types, so that one is never taken for another. Values, immutable.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace oomtrail::model {

// The kernel's id of a cgroup directory: kernfs node id = inode number. 0 is "not known".
struct CgroupId {
  uint64_t value = 0;

  bool known() const { return value != 0; }
  auto operator<=>(const CgroupId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const CgroupId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// A container's full id: exactly 64 lower-case hex digits.
class ContainerId {
 public:
  static std::optional<ContainerId> Parse(std::string_view text);

  const std::string& str() const { return hex_; }
  // The first 12 digits, as docker and crictl show them.
  std::string_view Short() const { return std::string_view(hex_).substr(0, 12); }
  auto operator<=>(const ContainerId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const ContainerId& id) {
    return H::combine(std::move(h), id.hex_);
  }

 private:
  explicit ContainerId(std::string_view hex) : hex_(hex) {}
  std::string hex_;
};

// A pod's uid as its cgroup names it: a UUID (kept dashed, lower case), or the 32 hex digits of a
// static pod's config hash, which is not the uid that the API server shows.
class PodUid {
 public:
  // Accepts dashes or, as the systemd driver writes them, underscores.
  static std::optional<PodUid> Parse(std::string_view text);

  const std::string& str() const { return text_; }
  bool is_static_hash() const { return text_.size() == 32; }
  auto operator<=>(const PodUid&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const PodUid& uid) {
    return H::combine(std::move(h), uid.text_);
  }

 private:
  explicit PodUid(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace oomtrail::model
