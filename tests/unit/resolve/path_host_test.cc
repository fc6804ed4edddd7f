// Host paths, and paths damaged in one place: neither may name a container it is not in.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "agent/resolve/path_grammar.h"
#include "tests/unit/resolve/path_rows.h"

namespace oomtrail::resolve {
namespace {

class PathHostTest : public ::testing::TestWithParam<Row> {};

TEST_P(PathHostTest, Reads) {
  EXPECT_EQ(Describe(ParseCgroupPath(Expand(GetParam().path))), Expand(GetParam().expected));
}

constexpr Row kHosts[] = {
    {"Root", "/", "host"},
    {"Nothing", "", "host"},
    {"InitScope", "/init.scope", "host unit=init.scope"},
    {"Service", "/system.slice/ssh.service", "host unit=ssh.service"},
    {"Slice", "/system.slice", "host unit=system.slice"},
    {"TemplateService", "/system.slice/system-getty.slice/getty@tty1.service",
     "host unit=getty@tty1.service"},
    {"EscapedService", R"(/system.slice/systemd-cryptsetup@luks\x2droot.service)",
     R"(host unit=systemd-cryptsetup@luks\x2droot.service)"},
    {"Socket", "/system.slice/dbus.socket", "host unit=dbus.socket"},
    {"Swap", "/system.slice/dev-sda2.swap", "host unit=dev-sda2.swap"},
    {"BelowService", "/system.slice/foo.service/worker/1", "host unit=foo.service"},
    {"Session", "/user.slice/user-1000.slice/session-3.scope", "host unit=session-3.scope"},
    {"UserService", "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
     "host unit=foo.service"},
    {"UserSlice", "/user.slice/user-1000.slice/user@1000.service/app.slice", "host unit=app.slice"},
    {"Containerd", "/system.slice/containerd.service", "host unit=containerd.service"},
    {"Kubelet", "/system.slice/kubelet.service", "host unit=kubelet.service"},
    {"TalosKubelet", "/podruntime/kubelet", "host"},
    {"CrioConmon", "/system.slice/crio-conmon-{A}.scope", "host unit=crio-conmon-{A}.scope"},
    {"LibpodConmon", "/machine.slice/libpod-conmon-{A}.scope", "host unit=libpod-conmon-{A}.scope"},
    {"QuadletConmon", "/system.slice/nginx.service/runtime", "host unit=nginx.service"},
    {"PodmanPodSlice", "/machine.slice/machine-libpod_pod_{A}.slice",
     "host unit=machine-libpod_pod_{A}.slice"},
    {"PodmanPodCgroupfs", "/libpod_parent/{A}", "host"},
    {"ContainerdMount",
     "/system.slice/run-containerd-io.containerd.runtime.v2.task-k8s.io-{A}-rootfs.mount",
     "host unit=run-containerd-io.containerd.runtime.v2.task-k8s.io-{A}-rootfs.mount"},
    {"DockerOverlayMount", "/system.slice/var-lib-docker-overlay2-{A}-merged.mount",
     "host unit=var-lib-docker-overlay2-{A}-merged.mount"},
    {"DockerMount", "/system.slice/docker-{A}.mount", "host unit=docker-{A}.mount"},
    {"CrioMount", "/system.slice/crio-{A}.mount", "host unit=crio-{A}.mount"},
    {"IdInService", "/system.slice/foo-{A}.service", "host unit=foo-{A}.service"},
    {"IdInOtherScope", "/user.slice/user-{A}.scope", "host unit=user-{A}.scope"},
    {"IdInLongerEngine", "/system.slice/my-docker-{A}.scope", "host unit=my-docker-{A}.scope"},
    {"IdAfterOtherSeparator", "/system.slice/docker_{A}.scope", "host unit=docker_{A}.scope"},
    {"IdScope", "/system.slice/{A}.scope", "host unit={A}.scope"},
    {"IdWithEngineSuffix", "/system.slice/docker-{A}-x.scope", "host unit=docker-{A}-x.scope"},
    {"DockerWithoutScope", "/system.slice/docker-{A}", "host unit=system.slice"},
    {"DockerService", "/system.slice/docker-{A}.service", "host unit=docker-{A}.service"},
    {"Snap", "/system.slice/snap.{A}", "host unit=system.slice"},
    {"BareIdInSlice", "/system.slice/{A}", "host unit=system.slice"},
    {"BareIdInService", "/system.slice/containerd.service/{A}", "host unit=containerd.service"},
    {"BareIdInUserSession", "/user.slice/user-1000.slice/session-3.scope/{A}",
     "host unit=session-3.scope"},
    {"BareIdAtTop", "/{A}", "host"},
    {"BareIdInOwnDirectory", "/batch/{A}", "host"},
    {"BareIdInBuildkit", "/docker/buildkit/{A}", "host"},
    {"BareIdBelowUnknownScope", "/machine.slice/x.scope/{A}", "host unit=x.scope"},
    {"DefaultNotAtTop", "/user.slice/default/{A}", "host unit=user.slice"},
    {"EcsNotAtTop", "/user.slice/ecs/{H}/{A}", "host unit=user.slice"},
    {"EcsWithoutTask", "/ecs/{A}", "host"},
    {"EcsFargate", "/ecs/{H}/{H}-1234567890", "host"},
    {"CtrByName", "/default/redis", "host"},
    {"Buildkit", "/buildkit/dpcxp2s5m8yg35pwnvzxqvsp6", "host"},
    {"Nspawn", "/machine.slice/machine-web.scope/payload", "host unit=machine-web.scope"},
    {"Lxc", "/lxc.payload.web", "host"},
    {"LxcUnit", "/lxc.payload.web/system.slice/nginx.service", "host unit=nginx.service"},
    {"Mesos", "/mesos/{P}", "host"},
    {"Nomad", "/nomad.slice/share.slice/{P}.redis.scope", "host unit={P}.redis.scope"},
    {"ColonsUnknownEngine", "/system.slice:foo:{A}", "host"},
    {"ColonsNotASlice", "/foo:docker:{A}", "host"},
    {"ColonsConmon", "/system.slice/kubepods-pod{p}.slice:crio-conmon:{A}",
     "host unit=system.slice"},
    {"ColonsByName", "/system.slice/kubepods-pod{p}.slice:cri-containerd:web",
     "host unit=system.slice"},
    {"ColonsOnce", "/kubepods-pod{p}.slice:cri-containerd-{A}", "host"},
    {"NotKubepods", "/mykubepods/burstable/pod{P}/{A}", "host"},
    {"NotKubepodsSlice", "/mykubepods.slice/mykubepods-pod{p}.slice/x",
     "host unit=mykubepods-pod{p}.slice"},
    {"PodOutsideKubepods", "/burstable/pod{P}/{A}", "host"},
    {"PodDirectoryInSlice", "/kubepods.slice/pod{P}/{A}", "kubepods driver=systemd"},
    {"QosInQos", "/kubepods/burstable/besteffort/pod{P}/{A}", "qos qos=burstable driver=cgroupfs"},
    {"QosWordGlued", "/foo-kubepodsburstable.slice", "host unit=foo-kubepodsburstable.slice"},
    {"QosWordAlone", "/burstable.slice", "host unit=burstable.slice"},
    {"SuffixAlone", "/system.slice/.service", "host unit=system.slice"},
    {"Timer", "/system.slice/foo.timer", "host unit=system.slice"},
    {"UnitWithSpace", "/system.slice/a b.service", "host unit=system.slice"},
    {"UnitInUnicode", "/system.slice/gr\u00fc\u00df.service", "host unit=system.slice"},
};
INSTANTIATE_TEST_SUITE_P(Hosts, PathHostTest, ::testing::ValuesIn(kHosts), RowName);

constexpr Row kDamaged[] = {
    {"ShortId", "/kubepods/burstable/pod{P}/{short}", "pod pod={P} qos=burstable driver=cgroupfs"},
    {"LongId", "/kubepods/burstable/pod{P}/{long}", "pod pod={P} qos=burstable driver=cgroupfs"},
    {"UpperId", "/kubepods/burstable/pod{P}/{upper}", "pod pod={P} qos=burstable driver=cgroupfs"},
    {"NotHexId", "/docker/{nothex}", "host"},
    {"ShortScope", "/system.slice/docker-{short}.scope", "host unit=docker-{short}.scope"},
    {"LongScope", "/system.slice/docker-{long}.scope", "host unit=docker-{long}.scope"},
    {"UpperScope", "/system.slice/docker-{upper}.scope", "host unit=docker-{upper}.scope"},
    {"UpperEngine", "/system.slice/Docker-{A}.scope", "host unit=Docker-{A}.scope"},
    {"UpperColons", "/kubepods-pod{p}.slice:cri-containerd:{upper}", "host"},
    {"UpperUid", "/kubepods/burstable/pod4A163A05-439D-484B-8E53-2968BC15824F/{A}",
     "qos qos=burstable driver=cgroupfs"},
    {"MovedDash", "/kubepods/pod4a163a054-39d-484b-8e53-2968bc15824f/{A}",
     "kubepods driver=cgroupfs"},
    {"MixedDashes", "/kubepods/pod4a163a05-439d_484b-8e53-2968bc15824f/{A}",
     "kubepods driver=cgroupfs"},
    {"BadUidInSlice",
     "/kubepods.slice/kubepods-burstable.slice/"
     "kubepods-burstable-pod4a163a05_439d_484b_8e53_2968bc15824g.slice/{A}",
     "qos qos=burstable driver=systemd"},
    {"BadUidAtTop", "/kubepods-burstable-pod4a163a05_439d_484b_8e53_2968bc15824g.slice",
     "host unit=kubepods-burstable-pod4a163a05_439d_484b_8e53_2968bc15824g.slice"},
    {"BadUidEngineScope", "/kubepods.slice/kubepods-podx.slice/crio-{A}.scope",
     "container id={A} runtime=cri-o driver=systemd"},
    {"BadHash", "/kubepods/pod36b6d6be73b1065af369b3985edafa0/{A}", "kubepods driver=cgroupfs"},
    {"RepeatedSlash", "//kubepods//burstable/pod{P}///{A}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"TrailingSlash", "/kubepods/burstable/pod{P}/{A}/",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"NoLeadingSlash", "kubepods/burstable/pod{P}/{A}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"ProcLine", "0::/kubepods/burstable/pod{P}/{A}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
    {"FromCgroupNamespace", "/../cri-containerd-{A}.scope",
     "container id={A} runtime=containerd driver=systemd"},
    {"FromDeeperNamespace", "/../../pod{P}/{A}", "host"},
    {"FromNamespaceNotTop", "/../default/{A}", "host"},
    {"UpAgain", "/kubepods/burstable/pod{P}/{A}/../../../../system.slice/ssh.service", "host"},
    {"UpIntoOtherPod", "/kubepods/pod{P}/../pod{Q}/{A}", "host"},
    {"Dot", "/kubepods/./pod{P}/{A}", "host"},
    {"Newline", "/kubepods/burstable/pod{P}/{A}\n", "host"},
    {"NewlineInside", "/docker/{A}/a\nb", "host"},
    {"CarriageReturn", "/kubepods/burstable/pod{P}/{A}\r",
     "pod pod={P} qos=burstable driver=cgroupfs"},
    {"Nul", std::string_view("/docker/{A}\0/x", 14), "host"},
    {"Spaces", "/kubepods/burstable/pod{P}/ {A}", "pod pod={P} qos=burstable driver=cgroupfs"},
    {"NotUtf8", "/docker/{A}/\xff\xfe", "container id={A} runtime=docker driver=cgroupfs"},
    // A known limit: a user's own directories cannot be told from a rootless kubelet's.
    {"ForgedByUser", "/user.slice/user-1000.slice/user@1000.service/kubepods/burstable/pod{P}/{A}",
     "container id={A} pod={P} qos=burstable driver=cgroupfs"},
};
INSTANTIATE_TEST_SUITE_P(Damaged, PathHostTest, ::testing::ValuesIn(kDamaged), RowName);

TEST(PathGrammarLengthTest, ReadsUpToTheKernelsLimit) {
  std::string path = Expand("/docker/{A}/");
  path.append(kMaxPathBytes - path.size(), 'x');
  EXPECT_EQ(ParseCgroupPath(path).level, model::Level::kContainer);
  path += 'x';
  EXPECT_EQ(ParseCgroupPath(path), model::CgroupIdentity{});
}

TEST(PathGrammarLengthTest, UnitNamesEndAtSystemdsLimit) {
  const std::string longest = std::string(247, 'a') + ".service";
  EXPECT_EQ(ParseCgroupPath("/system.slice/" + longest).unit, longest);
  EXPECT_EQ(ParseCgroupPath("/system.slice/a" + longest).unit, "system.slice");
}

}  // namespace
}  // namespace oomtrail::resolve
