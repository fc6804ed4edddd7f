// The runtime is there, and so are the containers.
#include "agent/base/status.h"
#include "tests/host/containerd/scenario.h"

namespace oomtrail::containerd {
namespace {

const std::vector<std::string> kByRuntime = {"cri"};

absl::Status OverItsLimit(Stage& stage) {
  ASSIGN_OR_RETURN(
      Pod * pod, stage.node.MakePod(
                     {.name = "cart-7d9f8b6c5-x2x7q",
                      .labels = {{"app", "cart"}, {"pod-template-hash", "7d9f8b6c5"}},
                      .workload = {{"kind", "Deployment"}, {"name", "cart"}, {"inferred", true}}}));
  ASSIGN_OR_RETURN(auto* api, stage.node.Run(*pod, {.name = "api", .restarts = 3}));
  const Container& container = pod->containers[0];
  return stage.Kill({.victim = api, .container = &container}, Full(*pod, container, kByRuntime));
}

// The kernel says whose memory it was and what the kubelet thought of it.
absl::Status UserAndScore(Stage& stage) {
  ASSIGN_OR_RETURN(
      Pod * pod,
      stage.node.MakePod(
          {.name = "batch-0", .ns = "jobs", .qos = "besteffort", .labels = {{"tier", "low"}}}));
  ASSIGN_OR_RETURN(
      Hog * worker,
      stage.node.Run(
          *pod, {.name = "worker", .limit_bytes = 24 * kMiB, .user = 1000, .oom_score_adj = 900}));
  const Container& container = pod->containers[0];
  return stage.Kill({.victim = worker, .container = &container, .oom_score_adj = 900},
                    Full(*pod, container, kByRuntime));
}

// A shell is PID 1; what it started is killed, and it goes on: Kubernetes says nothing of this.
absl::Status ChildOfALivingContainer(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "build-5", .qos = "guaranteed"}));
  const std::string name = Node::HogName(*pod, "runner");
  const std::string after = name + "-after";
  ASSIGN_OR_RETURN(
      Container * container,
      stage.node.Create(*pod, {.name = "runner",
                               .limit_bytes = 48 * kMiB,
                               .command = {"/bin/busybox", "sh", "-c",
                                           std::string("/bin/hog ") + kHogSocket + " " + name +
                                               "; exec /bin/hog " + kHogSocket + " " + after}}));
  RETURN_IF_ERROR(stage.node.StartContainer(*container));
  ASSIGN_OR_RETURN(auto* child, stage.node.hogs().Await(name));
  RETURN_IF_ERROR(
      stage.Kill({.victim = child, .container = container}, Full(*pod, *container, kByRuntime)));
  ASSIGN_OR_RETURN(auto* first, stage.node.hogs().Await(after));
  // And again, a child of what PID 1 has become.
  first->Fork("grandchild");
  ASSIGN_OR_RETURN(auto* grandchild, stage.node.hogs().Await("grandchild"));
  RETURN_IF_ERROR(stage.Kill({.victim = grandchild,
                              .container = container,
                              .comm = "grandchild",
                              .oom_score_adj = 1000,
                              .kills_in_container = 2},
                             Full(*pod, *container, kByRuntime)));
  return first->gone() ? absl::InternalError("PID 1 is gone") : absl::OkStatus();
}

absl::Status RightOneOfTwo(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "web-1", .labels = {{"app", "web"}}}));
  ASSIGN_OR_RETURN(auto* nginx, stage.node.Run(*pod, {.name = "nginx", .limit_bytes = 64 * kMiB}));
  ASSIGN_OR_RETURN(auto* sidecar, stage.node.Run(*pod, {.name = "sidecar", .restarts = 1}));
  nginx->Hold(48);
  const Container& killed = pod->containers[1];
  RETURN_IF_ERROR(
      stage.Kill({.victim = sidecar, .container = &killed}, Full(*pod, killed, kByRuntime)));
  return ExpectUntouched(stage.witnesses, stage.agent, *nginx, pod->containers[0]);
}

// The larger of two dies for the other's allocation: the pod's limit was hit, not a container's.
absl::Status PodLimit(Stage& stage) {
  constexpr uint64_t kPodLimit = 64 * kMiB;
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "cache-0"}));
  RETURN_IF_ERROR(stage.node.Limit(pod->cgroup, kPodLimit));
  ASSIGN_OR_RETURN(auto* large, stage.node.Run(*pod, {.name = "redis", .limit_bytes = 256 * kMiB}));
  ASSIGN_OR_RETURN(auto* small,
                   stage.node.Run(*pod, {.name = "exporter", .limit_bytes = 256 * kMiB}));
  large->Hold(40);
  if (!stage.witnesses.watch.Until([&] { return large->holds(); })) {
    return absl::DeadlineExceededError("the larger of the two does not hold its memory");
  }
  small->Hold(36);
  const Container& redis = pod->containers[0];
  const Container& exporter = pod->containers[1];
  RETURN_IF_ERROR(stage.Expect({.victim = large,
                                .container = &redis,
                                .trigger = small,
                                .trigger_container = &exporter,
                                .scope = "pod",
                                .limit_cgroup = pod->cgroup,
                                .limit_bytes = kPodLimit},
                               Full(*pod, redis, kByRuntime)));
  return ExpectUntouched(stage.witnesses, stage.agent, *small, exporter);
}

absl::Status SameNameInTwoNamespaces(Stage& stage) {
  const auto make = [&](const std::string& ns) {
    return stage.node.MakePod({.name = "db-0", .ns = ns, .labels = {{"team", ns}}});
  };
  ASSIGN_OR_RETURN(auto* blue, make("blue"));
  ASSIGN_OR_RETURN(auto* green, make("green"));
  ASSIGN_OR_RETURN(auto* first, stage.node.Run(*blue, {.name = "db"}));
  ASSIGN_OR_RETURN(auto* second, stage.node.Run(*green, {.name = "db"}));
  const Container& in_blue = blue->containers[0];
  const Container& in_green = green->containers[0];
  RETURN_IF_ERROR(
      stage.Kill({.victim = second, .container = &in_green}, Full(*green, in_green, kByRuntime)));
  RETURN_IF_ERROR(ExpectUntouched(stage.witnesses, stage.agent, *first, in_blue));
  return stage.Kill({.victim = first, .container = &in_blue}, Full(*blue, in_blue, kByRuntime));
}

absl::Status StaticPod(Stage& stage) {
  const std::string hash = "5f0c4a3c2b1d4e6f8a9b0c1d2e3f4a5b";
  ASSIGN_OR_RETURN(auto* pod,
                   stage.node.MakePod({.name = "etcd-containerd-node",
                                       .ns = "kube-system",
                                       .uid = hash,
                                       .labels = {{"component", "etcd"}, {"tier", "control-plane"}},
                                       .annotations = {{"kubernetes.io/config.hash", hash},
                                                       {"kubernetes.io/config.source", "file"}},
                                       .is_static = true}));
  ASSIGN_OR_RETURN(auto* etcd, stage.node.Run(*pod, {.name = "etcd"}));
  const Container& container = pod->containers[0];
  return stage.Kill({.victim = etcd, .container = &container}, Full(*pod, container, kByRuntime));
}

// An agent that starts on a node at work: the names are there before the kill. Two agents give one
// kill one id.
absl::Status AgentStartsLater(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod,
                   stage.node.MakePod({.name = "early-1", .labels = {{"app", "early"}}}));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "app"}));
  const Container& container = pod->containers[0];
  ASSIGN_OR_RETURN(const auto later, stage.start_agent());
  RETURN_IF_ERROR(later->AwaitLog({"names from cri"}));
  const Killed killed{.victim = hog, .container = &container};
  const Naming full = Full(*pod, container, kByRuntime);
  RETURN_IF_ERROR(stage.Kill(killed, full));
  RETURN_IF_ERROR(ExpectEvent(stage.witnesses, *later, killed, full));
  const auto first = stage.agent.EventsOf(hog->pid());
  const auto second = later->EventsOf(hog->pid());
  if (second.size() != 1) return absl::InternalError("the names were not there before the kill");
  if (first[0]->at("id") != second[0]->at("id")) {
    return absl::InternalError("two agents give one kill two ids");
  }
  return later->Stop();
}

// Many pods at once: each kill keeps its own names, limit and trigger.
absl::Status ManyAtOnce(Stage& stage) {
  constexpr int kPods = 5;
  std::vector<Killed> kills;
  std::vector<Naming> names;
  for (int i = 0; i < kPods; ++i) {
    const std::string number = std::to_string(i);
    ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "worker-" + number,
                                                    .ns = "storm-" + number,
                                                    .labels = {{"shard", number}}}));
    ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "work-" + number,
                                                      .limit_bytes = (16 + i) * kMiB}));
    kills.push_back({.victim = hog, .container = &pod->containers[0]});
    names.push_back(Full(*pod, pod->containers[0], kByRuntime));
  }
  for (const Killed& killed : kills) killed.victim->Grow();
  for (int i = 0; i < kPods; ++i) RETURN_IF_ERROR(stage.Expect(kills[i], names[i]));
  return absl::OkStatus();
}

}  // namespace

std::vector<Scenario> RuntimeScenarios() {
  return {
      {"container over its limit", Sources::kRuntime, OverItsLimit},
      {"user and oom_score_adj", Sources::kRuntime, UserAndScore},
      {"child of a living container", Sources::kRuntime, ChildOfALivingContainer},
      {"the right one of two containers", Sources::kRuntime, RightOneOfTwo},
      {"limit of the pod", Sources::kRuntime, PodLimit},
      {"same name in two namespaces", Sources::kRuntime, SameNameInTwoNamespaces},
      {"static pod", Sources::kRuntime, StaticPod},
      {"agent starts later", Sources::kRuntime, AgentStartsLater},
      {"many pods at once", Sources::kRuntime, ManyAtOnce},
  };
}

}  // namespace oomtrail::containerd
