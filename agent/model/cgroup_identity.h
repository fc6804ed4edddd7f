// What a cgroup path says about whose processes it holds. A value; made by resolve's path grammar.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/model/ids.h"

namespace oomtrail::model {

// The kind of directory a path names, outermost last.
enum class Level { kContainer, kPod, kQos, kKubepods, kHost };
enum class Qos { kGuaranteed, kBurstable, kBestEffort };
// Who made the container's directory, as far as its name tells.
enum class Runtime { kContainerd, kCrio, kDocker, kPodman };
// How the kubelet or engine names cgroups.
enum class Driver { kCgroupfs, kSystemd };

struct CgroupIdentity {
  Level level = Level::kHost;
  std::optional<ContainerId> container_id;
  std::optional<PodUid> pod_uid;
  std::optional<Qos> qos;
  std::optional<Runtime> runtime;
  std::optional<Driver> driver;
  // Level::kHost only: the nearest systemd unit ("ssh.service"), empty where there is none.
  std::string unit;

  bool operator==(const CgroupIdentity&) const = default;
};

// The words of the JSON form.
std::string_view Name(Level level);
std::string_view Name(Qos qos);
std::string_view Name(Runtime runtime);
std::string_view Name(Driver driver);

}  // namespace oomtrail::model
