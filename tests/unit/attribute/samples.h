// Values that several tests of this folder use.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/attribute/key_list.h"
#include "agent/attribute/name_source.h"

namespace oomtrail::attribute {

// A container id of 64 times one hex digit.
inline std::string HexId(char digit) { return std::string(64, digit); }
inline model::ContainerId Id(char digit) { return *model::ContainerId::Parse(HexId(digit)); }

inline std::string UidText(char digit) {
  const auto run = [digit](size_t n) { return std::string(n, digit); };
  return run(8) + "-" + run(4) + "-" + run(4) + "-" + run(4) + "-" + run(12);
}
inline model::PodUid Uid(char digit) { return *model::PodUid::Parse(UidText(digit)); }

inline ShownMetadata EverythingShown() {
  return {.labels = KeyList::Everything(), .annotations = KeyList::Everything()};
}

// A pod "shop/<name>" with one container "api" for each digit of `containers`.
inline PodEntry Pod(const std::string& name, char uid_digit, std::string_view containers) {
  PodEntry pod;
  pod.facts.name = name;
  pod.facts.ns = "shop";
  pod.facts.uid = UidText(uid_digit);
  pod.cgroup_uid = Uid(uid_digit);
  for (const char digit : containers) {
    pod.containers.push_back({Id(digit), {.name = "api"}, false});
  }
  return pod;
}

inline Listing Of(std::vector<PodEntry> pods) { return Listing{std::move(pods), {}}; }

}  // namespace oomtrail::attribute
