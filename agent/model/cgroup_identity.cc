#include "agent/model/cgroup_identity.h"

namespace oomtrail::model {

std::string_view Name(Level level) {
  switch (level) {
    case Level::kContainer: return "container";
    case Level::kPod: return "pod";
    case Level::kQos: return "qos";
    case Level::kKubepods: return "kubepods";
    case Level::kHost: return "host";
  }
  return "";
}

std::string_view Name(Qos qos) {
  switch (qos) {
    case Qos::kGuaranteed: return "guaranteed";
    case Qos::kBurstable: return "burstable";
    case Qos::kBestEffort: return "besteffort";
  }
  return "";
}

std::string_view Name(Runtime runtime) {
  switch (runtime) {
    case Runtime::kContainerd: return "containerd";
    case Runtime::kCrio: return "cri-o";
    case Runtime::kDocker: return "docker";
    case Runtime::kPodman: return "podman";
  }
  return "";
}

std::string_view Name(Driver driver) {
  switch (driver) {
    case Driver::kCgroupfs: return "cgroupfs";
    case Driver::kSystemd: return "systemd";
  }
  return "";
}

}  // namespace oomtrail::model
