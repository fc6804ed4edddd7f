// The kubelet is asked: it knows owners, it lags, and it may refuse, hang or lie.
#include <chrono>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/host/containerd/scenario.h"

namespace oomtrail::containerd {
namespace {

const std::vector<std::string> kByKubelet = {"kubelet"};
const std::vector<std::string> kByBoth = {"cri", "kubelet"};
constexpr const char* kUnknown = "no name source knows this container";

PodSpec DeploymentPod(const std::string& suffix) {
  return {.name = "cart-7d9f8b6c5-" + suffix,
          .labels = {{"app", "cart"}, {"pod-template-hash", "7d9f8b6c5"}},
          .owner = {{"apiVersion", "apps/v1"},
                    {"kind", "ReplicaSet"},
                    {"name", "cart-7d9f8b6c5"},
                    {"uid", "0c0ffee0-0000-4000-8000-00000000aaaa"},
                    {"controller", true},
                    {"blockOwnerDeletion", true}},
          .workload = {{"kind", "Deployment"}, {"name", "cart"}, {"inferred", true}}};
}

absl::Status KillOne(Stage& stage, PodSpec spec, const std::vector<std::string>& sources) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod(std::move(spec)));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "api", .restarts = 2}));
  RETURN_IF_ERROR(stage.kubelet.Serve(stage.node));
  const Container& container = pod->containers[0];
  return stage.Kill({.victim = hog, .container = &container}, Full(*pod, container, sources));
}

absl::Status Owners(Stage& stage) {
  RETURN_IF_ERROR(KillOne(stage, DeploymentPod("x2x7q"), kByKubelet));
  return KillOne(stage,
                 {.name = "logger-bvv4t",
                  .ns = "observability",
                  .qos = "besteffort",
                  .labels = {{"app", "logger"}},
                  .owner = {{"kind", "DaemonSet"}, {"name", "logger"}, {"controller", true}},
                  .workload = {{"kind", "DaemonSet"}, {"name", "logger"}, {"inferred", false}}},
                 kByKubelet);
}

absl::Status StaticPod(Stage& stage) {
  const std::string hash = "00112233445566778899aabbccddeeff";
  return KillOne(stage,
                 {.name = "kube-apiserver-containerd-node",
                  .ns = "kube-system",
                  .uid = hash,
                  .labels = {{"component", "kube-apiserver"}},
                  .annotations = {{"kubernetes.io/config.hash", hash},
                                  {"kubernetes.io/config.source", "file"}},
                  .is_static = true},
                 kByKubelet);
}

// It learns of a container a second after the container has started, or died.
absl::Status LagsBehind(Stage& stage) {
  constexpr std::chrono::seconds kAskedAgainWithin{6};
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod(DeploymentPod("c8wjk")));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "api"}));
  const Container& container = pod->containers[0];
  const Killed killed{.victim = hog, .container = &container};
  RETURN_IF_ERROR(stage.Kill(killed, PathOnly(*pod, container.id, kUnknown)));
  // It was asked, and did not know: once for the container, once for the kill.
  RETURN_IF_ERROR(stage.kubelet.AwaitAnswers("ok 200", stage.kubelet.Answers("ok 200") + 2));
  RETURN_IF_ERROR(stage.kubelet.Serve(stage.node));
  const auto began = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(stage.Expect(killed, Full(*pod, container, kByKubelet)));
  if (std::chrono::steady_clock::now() - began < kAskedAgainWithin) return absl::OkStatus();
  return absl::InternalError("the kubelet was left alone while an event waited for names");
}

// What it will never know keeps nobody else waiting; see LagsBehind.
absl::Status NeverKnows(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "secret"}));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "app"}));
  const Container& container = pod->containers[0];
  return stage.Kill({.victim = hog, .container = &container},
                    PathOnly(*pod, container.id, kUnknown));
}

// Less than the kubelet is given to answer, more than a busy machine takes for a line.
constexpr std::chrono::seconds kNoWait{2};

// What goes wrong, how the agent puts it, and how it is put right.
struct Fault {
  absl::Status (*set)(const Kubelet&, bool wrong);
  std::vector<std::string> said;
};

template <const char* mode>
absl::Status Misbehave(const Kubelet& kubelet, bool wrong) {
  return kubelet.Behave(wrong ? mode : "ok");
}

absl::Status Endure(Stage& stage, const Fault& fault) {
  const std::vector<std::string> came = {"names from kubelet", "failed tries"};
  std::vector<std::string> went = fault.said;
  went.push_back(base::StrCat("no names for now: kubelet ", stage.kubelet.url(), "/pods: "));
  const size_t went_before = stage.agent.CountLog({"no names for now"});
  const size_t came_before = stage.agent.CountLog(came);
  const size_t said_before = stage.agent.CountLog(went);

  RETURN_IF_ERROR(fault.set(stage.kubelet, true));
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod(DeploymentPod("zw4vh")));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "api"}));
  RETURN_IF_ERROR(stage.kubelet.Serve(stage.node));
  const Container& container = pod->containers[0];
  const Killed killed{.victim = hog, .container = &container};
  RETURN_IF_ERROR(stage.Kill(killed, PathOnly(*pod, container.id, kUnknown)));
  if (stage.agent.DelayOf(hog->pid()) > kNoWait) {
    return absl::InternalError("the event waited for the kubelet");
  }
  RETURN_IF_ERROR(stage.agent.AwaitLog(went, said_before + 1));
  RETURN_IF_ERROR(fault.set(stage.kubelet, false));
  RETURN_IF_ERROR(stage.Expect(killed, Full(*pod, container, kByKubelet)));
  RETURN_IF_ERROR(stage.agent.AwaitLog(came, came_before + 1));
  if (stage.agent.CountLog({"no names for now"}) == went_before + 1 &&
      stage.agent.CountLog(came) == came_before + 1) {
    return absl::OkStatus();
  }
  return absl::InternalError("the agent does not say once that the kubelet went and came: " +
                             base::StrJoin(stage.agent.log(), " | "));
}

constexpr char kForbidden[] = "forbidden";
constexpr char kHang[] = "hang";
constexpr char kHuge[] = "huge";
constexpr char kEndless[] = "endless";
constexpr char kBroken[] = "broken";
constexpr char kTruncated[] = "truncated";

absl::Status WrongAuthority(Stage& stage) {
  return Endure(stage, {[](const Kubelet& kubelet, bool wrong) { return kubelet.Trust(!wrong); },
                        {"certificate is not trusted", "--kubelet-ca"}});
}

absl::Status Unauthorized(Stage& stage) {
  return Endure(stage,
                {[](const Kubelet& kubelet, bool wrong) { return kubelet.Authorize(!wrong); },
                 {"status 401", "--kubelet-token-file"}});
}

absl::Status Forbidden(Stage& stage) {
  return Endure(stage, {Misbehave<kForbidden>, {"status 403", "get on nodes/pods"}});
}

absl::Status Hangs(Stage& stage) {
  return Endure(stage, {Misbehave<kHang>, {"nothing for 3000 ms"}});
}

absl::Status HugeBody(Stage& stage) {
  return Endure(stage, {Misbehave<kHuge>, {"2147483648 bytes or more", "the bound is 67108864"}});
}

absl::Status EndlessBody(Stage& stage) {
  return Endure(stage, {Misbehave<kEndless>, {"bytes or more", "the bound is 67108864"}});
}

absl::Status BrokenJson(Stage& stage) {
  return Endure(stage, {Misbehave<kBroken>, {"not JSON, at byte"}});
}

absl::Status CutShort(Stage& stage) {
  return Endure(stage, {Misbehave<kTruncated>, {"ended in the middle of the answer"}});
}

// The runtime knows at once, the kubelet more: one event has it all.
absl::Status BothTogether(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod(DeploymentPod("mlm2p")));
  ASSIGN_OR_RETURN(auto* api, stage.node.Create(*pod, {.name = "api", .restarts = 2}));
  RETURN_IF_ERROR(stage.kubelet.Serve(stage.node));
  RETURN_IF_ERROR(stage.node.StartContainer(*api));
  // Each new container's cgroup makes the agent ask. The first answer may be to an older question;
  // with the third, it has taken in the second.
  const size_t before = stage.kubelet.Answers("ok 200");
  for (size_t i = 1; i <= 3; ++i) {
    const std::string id(64, static_cast<char>('0' + i));
    RETURN_IF_ERROR(stage.node.MakeCgroup(base::StrCat(pod->cgroup, "/", id)).status());
    RETURN_IF_ERROR(stage.kubelet.AwaitAnswers("ok 200", before + i));
  }
  ASSIGN_OR_RETURN(auto* hog, stage.node.hogs().Await(Node::HogName(*pod, "api")));
  return stage.Kill({.victim = hog, .container = api}, Full(*pod, *api, kByBoth));
}

// One source is as good as none to the other.
absl::Status OneOfBoth(Stage& stage) {
  RETURN_IF_ERROR(stage.kubelet.Behave("forbidden"));
  return KillOne(stage, DeploymentPod("n5x9d"), {"cri"});
}

}  // namespace

std::vector<Scenario> KubeletScenarios() {
  return {
      {"kubelet: never knows", Sources::kKubelet, NeverKnows},
      {"kubelet: owners and QoS", Sources::kKubelet, Owners},
      {"kubelet: static pod", Sources::kKubelet, StaticPod},
      {"kubelet: of another authority", Sources::kKubelet, WrongAuthority},
      {"kubelet: 401", Sources::kKubelet, Unauthorized},
      {"kubelet: 403", Sources::kKubelet, Forbidden},
      {"kubelet: hangs", Sources::kKubelet, Hangs},
      {"kubelet: 2 GiB announced", Sources::kKubelet, HugeBody},
      {"kubelet: body without end", Sources::kKubelet, EndlessBody},
      {"kubelet: broken JSON", Sources::kKubelet, BrokenJson},
      {"kubelet: cut short", Sources::kKubelet, CutShort},
      {"kubelet: lags behind", Sources::kKubelet, LagsBehind},
      {"both sources together", Sources::kBoth, BothTogether},
      {"both sources, one refuses", Sources::kBoth, OneOfBoth},
  };
}

}  // namespace oomtrail::containerd
