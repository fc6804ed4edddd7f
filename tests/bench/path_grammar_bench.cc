// Paths a second and core. Budget: 2 M (docs/design.md).
#include <benchmark/benchmark.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "agent/resolve/path_grammar.h"

namespace oomtrail::resolve {
namespace {

#define ID "594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d"
#define UID "4a163a05-439d-484b-8e53-2968bc15824f"
#define UID_ "4a163a05_439d_484b_8e53_2968bc15824f"
#define BURSTABLE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define KIND "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_ ".slice"

// What a walk of a busy node meets: mostly containers, some pods, host units and neighbours.
constexpr std::string_view kPaths[] = {
    "/kubepods/burstable/pod" UID "/" ID,
    "/kubepods/besteffort/pod" UID "/" ID,
    "/kubepods/pod" UID "/" ID,
    "/kubepods/burstable/pod" UID,
    BURSTABLE "/cri-containerd-" ID ".scope",
    BURSTABLE "/crio-" ID ".scope",
    BURSTABLE "/crio-" ID ".scope/container",
    BURSTABLE "/docker-" ID ".scope",
    BURSTABLE "/cri-containerd-" ID ".scope/system.slice/nginx.service",
    BURSTABLE,
    "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope",
    "/kubepods.slice/kubepods-pod36b6d6be73b1065af369b3985edafa09.slice/crio-" ID ".scope",
    "/system.slice/containerd.service/kubepods-pod" UID_ ".slice:cri-containerd:" ID,
    "/system.slice/docker-" ID ".scope" KIND "/cri-containerd-" ID ".scope",
    "/docker/" ID,
    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
    "/system.slice/kubelet.service",
    "/system.slice/crio-conmon-" ID ".scope",
    "/system.slice/run-containerd-io.containerd.runtime.v2.task-k8s.io-" ID "-rootfs.mount",
    "/user.slice/user-1000.slice/session-3.scope",
};

void BM_ParseMix(benchmark::State& state) {
  for (auto _ : state) {
    for (const std::string_view path : kPaths) benchmark::DoNotOptimize(ParseCgroupPath(path));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(std::size(kPaths)));
}
BENCHMARK(BM_ParseMix);

void BM_ParseEach(benchmark::State& state) {
  const std::string_view path = kPaths[state.range(0)];
  for (auto _ : state) benchmark::DoNotOptimize(ParseCgroupPath(path));
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(path.size() > 60 ? "…" + std::string(path.substr(path.size() - 60))
                                  : std::string(path));
}
BENCHMARK(BM_ParseEach)->DenseRange(0, std::size(kPaths) - 1);

}  // namespace
}  // namespace oomtrail::resolve
