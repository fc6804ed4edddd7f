// What must hold of the reading of any path at all. Shared by the property test and the fuzzer.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "agent/model/cgroup_identity.h"
#include "agent/resolve/path_grammar.h"

namespace oomtrail::resolve {

inline bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

inline bool IsUidText(std::string_view uid) {
  if (uid.size() == 32) return IsLowerHex(uid);
  if (uid.size() != 36) return false;
  for (size_t i = 0; i < uid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? uid[i] != '-' : !IsLowerHex(uid.substr(i, 1))) return false;
  }
  return true;
}

// The first rule about one identity that does not hold; empty where all do.
inline std::string_view BrokenIdentityRule(std::string_view path,
                                           const model::CgroupIdentity& identity) {
  using model::Level;
  const auto in_path = [&](std::string_view text) { return path.find(text) != path.npos; };
  if (identity.container_id) {
    const std::string& id = identity.container_id->str();
    if (id.size() != 64 || !IsLowerHex(id)) return "a container id is 64 lower-case hex digits";
    if (!in_path(id)) return "a container id is a part of the path";
  }
  if (identity.pod_uid) {
    std::string uid = identity.pod_uid->str();
    if (!IsUidText(uid)) return "a pod uid is a dashed UUID or 32 lower-case hex digits";
    const bool dashed = in_path(uid);
    std::replace(uid.begin(), uid.end(), '-', '_');
    if (!dashed && !in_path(uid)) return "a pod uid is a part of the path";
    if (!identity.qos) return "a pod has a QoS class";
  }
  const Level level = identity.level;
  if (identity.container_id.has_value() != (level == Level::kContainer)) {
    return "a container id where the level is container, and only there";
  }
  if (identity.pod_uid && level != Level::kContainer && level != Level::kPod) {
    return "a pod uid at the levels container and pod only";
  }
  if (!identity.pod_uid && level == Level::kPod) return "a pod has a uid";
  if (!identity.qos && level == Level::kQos) return "the level qos has a QoS class";
  if (identity.qos && level == Level::kKubepods) return "kubepods has no QoS class";
  if (identity.qos && level == Level::kHost) return "a host path has no QoS class";
  if (identity.runtime && level != Level::kContainer) return "only a container has a runtime";
  if (identity.driver.has_value() != (level != Level::kHost)) {
    return "a driver everywhere but on the host";
  }
  if (!identity.unit.empty()) {
    if (level != Level::kHost) return "a unit on the host only";
    if (identity.unit.find('/') != std::string::npos) return "a unit is one component";
    if (!in_path(identity.unit)) return "a unit is a part of the path";
  }
  return {};
}

// As above, of a path and of the paths made from it.
inline std::string_view BrokenRule(std::string_view path) {
  const model::CgroupIdentity identity = ParseCgroupPath(path);
  if (const auto broken = BrokenIdentityRule(path, identity); !broken.empty()) return broken;
  const auto reads_same = [&](const std::string& other) {
    return other.size() > kMaxPathBytes || ParseCgroupPath(other) == identity;
  };
  std::string other(path);
  if (!reads_same(other + "/")) return "a trailing slash changes nothing";
  if (!reads_same("/" + other)) return "a further leading slash changes nothing";
  if (!reads_same(other + "/x")) return "an unknown directory belongs to what it lies in";
  if (identity.level == model::Level::kHost) return {};
  if (!reads_same(other + "/init.scope")) return "a unit below belongs to what it lies in";
  if (!reads_same(other + "/docker-" + std::string(64, 'a') + ".mount")) {
    return "a mount below belongs to what it lies in";
  }
  if (!reads_same(other + "/crio-conmon-" + std::string(64, 'a') + ".scope")) {
    return "a monitor below is no container";
  }
  if (identity.container_id && !reads_same(other + "/x/" + identity.container_id->str())) {
    return "a bare id below an unknown directory is no container";
  }
  return {};
}

}  // namespace oomtrail::resolve
