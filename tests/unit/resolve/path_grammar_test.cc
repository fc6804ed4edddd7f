// What each family of cgroup paths says, one named row a path.
#include <gtest/gtest.h>

#include "agent/resolve/path_grammar.h"
#include "tests/unit/resolve/path_rows.h"

namespace oomtrail::resolve {
namespace {

class PathGrammarTest : public ::testing::TestWithParam<Row> {};

TEST_P(PathGrammarTest, Reads) {
  EXPECT_EQ(Describe(ParseCgroupPath(Expand(GetParam().path))), Expand(GetParam().expected));
}

constexpr Row kCgroupfs[] = {
    {"Burstable", "/kubepods/burstable/pod{P}/{A}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"BestEffort", "/kubepods/besteffort/pod{P}/{A}",
     "container id={A} pod={P} qos=besteffort driver=cgroupfs"},
    {"Guaranteed", "/kubepods/pod{P}/{A}",
     "container id={A} pod={P} qos=guaranteed driver=cgroupfs"},
    {"StaticPod", "/kubepods/burstable/pod{H}/{A}",
     "container id={A} pod={H} qos=burstable driver=cgroupfs"},
    {"GuaranteedStaticPod", "/kubepods/pod{H}/{A}",
     "container id={A} pod={H} qos=guaranteed driver=cgroupfs"},
    {"CgroupRoot", "/foo/bar/kubepods/burstable/pod{P}/{A}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"DockerDesktopTwice", "/kubepods/kubepods/besteffort/pod{P}/{A}",
     "container id={A} pod={P} qos=besteffort driver=cgroupfs"},
    {"CrioPrefix", "/kubepods/burstable/pod{P}/crio-{A}",
     "container id={A} pod={P} qos=burstable runtime=cri-o driver=cgroupfs"},
    {"CrioPayloadBelow", "/kubepods/burstable/pod{P}/crio-{A}/container",
     "container id={A} pod={P} qos=burstable runtime=cri-o driver=cgroupfs"},
    {"CrioConmon", "/kubepods/burstable/pod{P}/crio-conmon-{A}",
     "pod pod={P} qos=burstable driver=cgroupfs"},
    {"CrioWithoutKubelet", "/pod_123-456/crio-{A}",
     "container id={A} runtime=cri-o driver=cgroupfs"},
    {"InitScopeBelow", "/kubepods/burstable/pod{P}/{A}/init.scope",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"SystemdBelow", "/kubepods/pod{P}/{A}/system.slice/nginx.service",
     "container id={A} pod={P} qos=guaranteed driver=cgroupfs"},
    {"BareIdBelow", "/kubepods/burstable/pod{P}/{A}/{B}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"KataSandbox", "/kubepods/pod{P}/kata_{A}", "pod pod={P} qos=guaranteed driver=cgroupfs"},
    {"Pod", "/kubepods/burstable/pod{P}", "pod pod={P} qos=burstable driver=cgroupfs"},
    {"PodGuaranteed", "/kubepods/pod{P}", "pod pod={P} qos=guaranteed driver=cgroupfs"},
    {"PodStatic", "/kubepods/besteffort/pod{H}", "pod pod={H} qos=besteffort driver=cgroupfs"},
    {"PodUnknownChild", "/kubepods/burstable/pod{P}/x",
     "pod pod={P} qos=burstable driver=cgroupfs"},
    {"PodUnknownGrandchild", "/kubepods/burstable/pod{P}/x/{A}",
     "pod pod={P} qos=burstable driver=cgroupfs"},
    {"QosBurstable", "/kubepods/burstable", "qos qos=burstable driver=cgroupfs"},
    {"QosBestEffort", "/kubepods/besteffort", "qos qos=besteffort driver=cgroupfs"},
    {"QosBareId", "/kubepods/burstable/{A}", "qos qos=burstable driver=cgroupfs"},
    {"Kubepods", "/kubepods", "kubepods driver=cgroupfs"},
    {"KubepodsBareId", "/kubepods/{A}", "kubepods driver=cgroupfs"},
    {"KubepodsUnknownQos", "/kubepods/guaranteed/pod{P}/{A}", "kubepods driver=cgroupfs"},
};
INSTANTIATE_TEST_SUITE_P(Cgroupfs, PathGrammarTest, ::testing::ValuesIn(kCgroupfs), RowName);

constexpr Row kSystemd[] = {
    {"ContainerdBurstable",
     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{p}.slice/"
     "cri-containerd-{A}.scope",
     "container id={A} pod={P} qos=burstable runtime=containerd driver=systemd"},
    {"ContainerdBestEffort",
     "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{p}.slice/"
     "cri-containerd-{A}.scope",
     "container id={A} pod={P} qos=besteffort runtime=containerd driver=systemd"},
    {"ContainerdGuaranteed", "/kubepods.slice/kubepods-pod{p}.slice/cri-containerd-{A}.scope",
     "container id={A} pod={P} qos=guaranteed runtime=containerd driver=systemd"},
    {"StaticPod",
     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{H}.slice/"
     "cri-containerd-{A}.scope",
     "container id={A} pod={H} qos=burstable runtime=containerd driver=systemd"},
    {"Crio",
     "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{p}.slice/crio-{A}.scope",
     "container id={A} pod={P} qos=besteffort runtime=cri-o driver=systemd"},
    {"CrunPayloadBelow", "/kubepods.slice/kubepods-pod{p}.slice/crio-{A}.scope/container",
     "container id={A} pod={P} qos=guaranteed runtime=cri-o driver=systemd"},
    {"SystemdBelow",
     "/kubepods.slice/kubepods-pod{p}.slice/crio-{A}.scope/system.slice/httpd.service",
     "container id={A} pod={P} qos=guaranteed runtime=cri-o driver=systemd"},
    {"CriDockerd", "/kubepods.slice/kubepods-pod{p}.slice/docker-{A}.scope",
     "container id={A} pod={P} qos=guaranteed runtime=docker driver=systemd"},
    {"CrioConmon", "/kubepods.slice/kubepods-pod{p}.slice/crio-conmon-{A}.scope",
     "pod pod={P} qos=guaranteed driver=systemd"},
    {"RuntimeOnCgroupfs", "/kubepods.slice/kubepods-pod{p}.slice/{A}",
     "container id={A} pod={P} qos=guaranteed driver=systemd"},
    {"CrioOnCgroupfs", "/kubepods.slice/kubepods-pod{p}.slice/crio-{A}",
     "container id={A} pod={P} qos=guaranteed runtime=cri-o driver=systemd"},
    {"CgroupRoot",
     "/foo.slice/foo-bar.slice/foo-bar-kubepods.slice/foo-bar-kubepods-pod{p}.slice/"
     "cri-containerd-{A}.scope",
     "container id={A} pod={P} qos=guaranteed runtime=containerd driver=systemd"},
    {"OutsideAnyPod", "/system.slice/system-getty.slice/cri-containerd-{A}.scope",
     "container id={A} runtime=containerd driver=systemd"},
    {"Colons",
     "/system.slice/containerd.service/kubepods-burstable-pod{p}.slice:cri-containerd:{A}",
     "container id={A} pod={P} qos=burstable runtime=containerd driver=systemd"},
    {"ColonsStaticPod", "/system.slice/containerd.service/kubepods-pod{H}.slice:cri-containerd:{A}",
     "container id={A} pod={H} qos=guaranteed runtime=containerd driver=systemd"},
    {"ColonsAtTop", "/kubepods-besteffort-pod{p}.slice:cri-containerd:{A}",
     "container id={A} pod={P} qos=besteffort runtime=containerd driver=systemd"},
    {"ColonsCrio", "/kubepods-pod{p}.slice:crio:{A}",
     "container id={A} pod={P} qos=guaranteed runtime=cri-o driver=systemd"},
    {"ColonsNested", "/a.slice/foo-kubepods-burstable-pod{p}.slice:cri-containerd:{A}/init.scope",
     "container id={A} pod={P} qos=burstable runtime=containerd driver=systemd"},
    {"ColonsBareIdBelow", "/kubepods-pod{p}.slice:cri-containerd:{A}/{B}",
     "container id={A} pod={P} qos=guaranteed runtime=containerd driver=systemd"},
    {"ColonsDocker", "/system.slice:docker:{A}", "container id={A} runtime=docker driver=systemd"},
    {"ColonsWithoutSlice", "/:nerdctl:{A}", "container id={A} runtime=containerd driver=systemd"},
    {"Pod", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{p}.slice",
     "pod pod={P} qos=burstable driver=systemd"},
    {"PodGuaranteed", "/kubepods.slice/kubepods-pod{p}.slice",
     "pod pod={P} qos=guaranteed driver=systemd"},
    {"PodMount", "/kubepods.slice/kubepods-pod{p}.slice/docker-{A}.mount",
     "pod pod={P} qos=guaranteed driver=systemd"},
    {"QosBurstable", "/kubepods.slice/kubepods-burstable.slice",
     "qos qos=burstable driver=systemd"},
    {"QosOfCgroupRoot", "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice",
     "qos qos=besteffort driver=systemd"},
    {"Kubepods", "/kubepods.slice", "kubepods driver=systemd"},
    {"KubepodsOfCgroupRoot", "/foo.slice/foo-kubepods.slice", "kubepods driver=systemd"},
};
INSTANTIATE_TEST_SUITE_P(Systemd, PathGrammarTest, ::testing::ValuesIn(kSystemd), RowName);

// A kubelet inside a container, and containers inside a pod's container.
constexpr Row kNested[] = {
    {"KindV1", "/docker/{A}/kubelet/kubepods/burstable/pod{P}/{B}",
     "container id={B} pod={P} qos=burstable driver=cgroupfs"},
    {"KindV2",
     "/system.slice/docker-{A}.scope/kubelet.slice/kubelet-kubepods.slice/"
     "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{p}.slice/"
     "cri-containerd-{B}.scope",
     "container id={B} pod={P} qos=burstable runtime=containerd driver=systemd"},
    {"KindV2Cgroupfs",
     "/docker/{A}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{p}.slice/"
     "cri-containerd-{B}.scope",
     "container id={B} pod={P} qos=guaranteed runtime=containerd driver=systemd"},
    {"KindRootless",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container/"
     "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{p}.slice/cri-containerd-{B}.scope",
     "container id={B} pod={P} qos=guaranteed runtime=containerd driver=systemd"},
    {"KindNodeService", "/docker/{A}/kubelet.slice/kubelet.service",
     "container id={A} runtime=docker driver=cgroupfs"},
    {"KindPod", "/docker/{A}/kubelet/kubepods/burstable/pod{P}",
     "pod pod={P} qos=burstable driver=cgroupfs"},
    {"KindQos", "/docker/{A}/kubelet/kubepods/besteffort", "qos qos=besteffort driver=cgroupfs"},
    {"Minikube", "/docker/{A}/kubepods/burstable/pod{H}/{B}",
     "container id={B} pod={H} qos=burstable driver=cgroupfs"},
    {"MinikubeCrio",
     "/docker/{A}/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{p}.slice/"
     "crio-{B}.scope",
     "container id={B} pod={P} qos=besteffort runtime=cri-o driver=systemd"},
    {"MinikubeInCi", "/actions_job/{A}/kubepods/burstable/pod{H}/{B}",
     "container id={B} pod={H} qos=burstable driver=cgroupfs"},
    {"DockerInPod", "/kubepods/burstable/pod{P}/{A}/docker/{B}",
     "container id={B} pod={P} qos=burstable runtime=docker driver=cgroupfs"},
    {"DockerInPodSystemd",
     "/kubepods.slice/kubepods-pod{p}.slice/cri-containerd-{A}.scope/system.slice/"
     "docker-{B}.scope",
     "container id={B} pod={P} qos=guaranteed runtime=docker driver=systemd"},
    {"PodmanInPod", "/kubepods/pod{P}/{A}/libpod_parent/libpod-{B}",
     "container id={B} pod={P} qos=guaranteed runtime=podman driver=cgroupfs"},
    {"ConmonInPodsContainer", "/kubepods/pod{P}/{A}/libpod-conmon-{B}.scope",
     "container id={A} pod={P} qos=guaranteed driver=cgroupfs"},
    {"DindParentOfItsOwn", "/kubepods/pod{P}/{A}/dind/{B}",
     "container id={A} pod={P} qos=guaranteed driver=cgroupfs"},
    {"DindBuildkit", "/kubepods/pod{P}/{A}/docker/buildkit/dpcxp2s5m8yg35pwnvzxqvsp6",
     "container id={A} pod={P} qos=guaranteed driver=cgroupfs"},
    {"DockerInDocker", "/docker/{A}/docker/{B}", "container id={B} runtime=docker driver=cgroupfs"},
    {"KindInPod", "/kubepods/pod{P}/{A}/docker/{B}/kubelet/kubepods/burstable/pod{Q}/{C}",
     "container id={C} pod={Q} qos=burstable driver=cgroupfs"},
    {"KindInPodSystemd",
     "/kubepods.slice/kubepods-pod{p}.slice/crio-{A}.scope/docker/{B}/kubepods.slice/"
     "kubepods-burstable.slice/kubepods-burstable-pod{q}.slice/cri-containerd-{C}.scope",
     "container id={C} pod={Q} qos=burstable runtime=containerd driver=systemd"},
    {"InnerConmon", "/docker/{A}/kubepods.slice/kubepods-pod{p}.slice/crio-conmon-{B}.scope",
     "pod pod={P} qos=guaranteed driver=systemd"},
};
INSTANTIATE_TEST_SUITE_P(Nested, PathGrammarTest, ::testing::ValuesIn(kNested), RowName);

constexpr Row kEngines[] = {
    {"Docker", "/docker/{A}", "container id={A} runtime=docker driver=cgroupfs"},
    {"DockerScope", "/system.slice/docker-{A}.scope",
     "container id={A} runtime=docker driver=systemd"},
    {"DockerParentSlice", "/system.slice/docker/{A}",
     "container id={A} runtime=docker driver=cgroupfs"},
    {"DockerRootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope",
     "container id={A} runtime=docker driver=systemd"},
    {"DockerSystemdBelow", "/system.slice/docker-{A}.scope/system.slice/nginx.service",
     "container id={A} runtime=docker driver=systemd"},
    {"DockerInLxc", "/lxc.payload.web/docker/{A}",
     "container id={A} runtime=docker driver=cgroupfs"},
    {"Podman", "/machine.slice/libpod-{A}.scope", "container id={A} runtime=podman driver=systemd"},
    {"PodmanCrun", "/machine.slice/libpod-{A}.scope/container",
     "container id={A} runtime=podman driver=systemd"},
    {"PodmanInItsPod", "/machine.slice/machine-libpod_pod_{B}.slice/libpod-{A}.scope/container",
     "container id={A} runtime=podman driver=systemd"},
    {"PodmanRootless",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container",
     "container id={A} runtime=podman driver=systemd"},
    {"PodmanCgroupfs", "/libpod_parent/libpod-{A}",
     "container id={A} runtime=podman driver=cgroupfs"},
    {"PodmanCgroupfsInItsPod", "/libpod_parent/{B}/libpod-{A}",
     "container id={A} runtime=podman driver=cgroupfs"},
    {"Quadlet", "/system.slice/nginx.service/libpod-payload-{A}",
     "container id={A} runtime=podman driver=cgroupfs"},
    {"Nerdctl", "/system.slice/nerdctl-{A}.scope",
     "container id={A} runtime=containerd driver=systemd"},
    {"NerdctlCgroupfs", "/default/{A}", "container id={A} driver=cgroupfs"},
    {"CriWithoutParent", "/k8s.io/{A}", "container id={A} runtime=containerd driver=cgroupfs"},
    {"Ecs", "/ecs/{P}/{A}", "container id={A} driver=cgroupfs"},
    {"EcsHexTask", "/ecs/{H}/{A}", "container id={A} driver=cgroupfs"},
    {"EcsCluster", "/ecs/production/{H}/{A}", "container id={A} driver=cgroupfs"},
    {"EcsSystemd", "/ecstasks.slice/ecstasks-{H}.slice/docker-{A}.scope",
     "container id={A} runtime=docker driver=systemd"},
    {"GitHubJob", "/actions_job/{A}", "container id={A} driver=cgroupfs"},
    {"AzureJob", "/azpl_job/{A}", "container id={A} driver=cgroupfs"},
    {"KataOverhead", "/kata_overhead/{A}", "container id={A} driver=cgroupfs"},
};
INSTANTIATE_TEST_SUITE_P(Engines, PathGrammarTest, ::testing::ValuesIn(kEngines), RowName);

}  // namespace
}  // namespace oomtrail::resolve
