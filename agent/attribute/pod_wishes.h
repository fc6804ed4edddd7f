// What a pod's author tells the agent by annotations of the pod. Values; pure, thread-safe.
//
// oomtrail.io/warn: "on" or "off"; oomtrail.io/warn-seconds, oomtrail.io/warn-percent: whole
// numbers; oomtrail.io/track: "on" or "off". They are read whether annotations are shown or not.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/forecast/alarm.h"

namespace oomtrail::attribute {

inline constexpr int kMaxWarnSeconds = 86'400;

// The annotations below oomtrail.io/, by what follows it. Untrusted, bounded.
using Wishes = std::map<std::string, std::string>;
inline constexpr size_t kMaxWishes = 8;

// Takes the annotation if it is the agent's. What is too long is kept as what it is: wrong.
void TakeWish(std::string_view key, std::string_view value, Wishes& wishes);

struct PodRule {
  forecast::WarnRule warn;
  bool track = false;
  // In words, for the log; what is wrong is as if it were not there. Not printable yet.
  std::vector<std::string> wrong;
};

// `by_flag`: what holds where the pod says nothing.
PodRule ReadWishes(const Wishes& wishes, const forecast::WarnRule& by_flag);

}  // namespace oomtrail::attribute
