// Which of a pod's labels and annotations are shown. Values; const use is thread-safe.
//
// A list names what is allowed: pods carry whatever their authors like, secrets included, and all
// of it would go into logs and to every subscriber.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace oomtrail::attribute {

class KeyList {
 public:
  KeyList() = default;  // allows nothing

  // Each word a key, or a prefix that ends in "*"; or "none" alone. The error is one line, names
  // `flag` and the remedy.
  static absl::StatusOr<KeyList> Parse(std::string_view flag,
                                       const std::vector<std::string>& words);
  static KeyList Everything();

  bool Allows(std::string_view key) const;

 private:
  std::vector<std::string> keys_;
  std::vector<std::string> prefixes_;
};

struct ShownMetadata {
  KeyList labels;
  KeyList annotations;
};

}  // namespace oomtrail::attribute
