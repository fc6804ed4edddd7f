// Whoever could be asked is gone: the container, or the runtime.
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/host/containerd/scenario.h"

namespace oomtrail::containerd {
namespace {

const std::vector<std::string> kByRuntime = {"cri"};

std::vector<std::string> GrowingHog(const Pod& pod, const std::string& name) {
  return {"/bin/hog", kHogSocket, Node::HogName(pod, name), "grow"};
}

// A process that no container holds, in a cgroup named after one.
absl::Status KillOutsider(Stage& stage, Container place, const Naming& naming) {
  ASSIGN_OR_RETURN(place.inode, stage.node.MakeCgroup(place.cgroup));
  RETURN_IF_ERROR(stage.node.Limit(place.cgroup, place.spec.limit_bytes));
  ASSIGN_OR_RETURN(const auto program, stage.node.RunOnHost(place.cgroup, "outsider"));
  ASSIGN_OR_RETURN(auto* hog, stage.node.hogs().Await("outsider"));
  return stage.Kill({.victim = hog, .container = &place}, naming);
}

// A place for it in the pod.
Container PlaceIn(const Pod& pod, const std::string& id) {
  return {.spec = {.name = "", .limit_bytes = 16 * kMiB},
          .id = id,
          .cgroup = base::StrCat(pod.cgroup, "/", id)};
}

// Killed and removed while the agent stands still. It knew the container, and still does.
absl::Status RemovedBeforeHandled(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "gone-1", .labels = {{"app", "gone"}}}));
  ASSIGN_OR_RETURN(auto* first, stage.node.Run(*pod, {.name = "app", .restarts = 7}));
  const Container& container = pod->containers[0];
  const Naming full = Full(*pod, container, kByRuntime);
  first->Fork("known");
  ASSIGN_OR_RETURN(auto* known, stage.node.hogs().Await("known"));
  RETURN_IF_ERROR(stage.Kill(
      {.victim = known, .container = &container, .comm = "known", .oom_score_adj = 1000}, full));
  RETURN_IF_ERROR(stage.agent.Pause());
  const Killed killed{.victim = first, .container = &container, .removed = true};
  first->Grow();
  RETURN_IF_ERROR(AwaitKilled(stage.witnesses, killed));
  RETURN_IF_ERROR(stage.node.runtime().AwaitExited(container.id));
  RETURN_IF_ERROR(stage.node.runtime().RemoveContainer(container.id));
  if (stage.node.OomKills(container.cgroup)) {
    return absl::InternalError("the container's cgroup outlives it");
  }
  stage.agent.Resume();
  RETURN_IF_ERROR(stage.Expect(killed, full));

  // The runtime's next listings, which name others, are without it: it stays known.
  for (const char* name : {"next", "last"}) {
    ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = name}));
    const Container& other = pod->containers.back();
    RETURN_IF_ERROR(
        stage.Kill({.victim = hog, .container = &other}, Full(*pod, other, kByRuntime)));
  }
  return KillOutsider(stage, container, full);
}

// Made, killed and removed while the agent stands still: only its pod can be told.
absl::Status CameAndWentUnseen(Stage& stage) {
  RETURN_IF_ERROR(stage.agent.Pause());
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "unseen-1"}));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "app"}));
  const Container& container = pod->containers[0];
  const Killed killed{.victim = hog, .container = &container, .removed = true};
  hog->Grow();
  RETURN_IF_ERROR(AwaitKilled(stage.witnesses, killed));
  RETURN_IF_ERROR(stage.node.runtime().StopContainer(container.id));
  RETURN_IF_ERROR(stage.node.runtime().RemoveContainer(container.id));
  stage.agent.Resume();
  return stage.Expect(killed, PodOnly(*pod, container.id, kByRuntime));
}

absl::Status FirstMoments(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "crash-1"}));
  for (uint32_t restarts = 0; restarts < 3; ++restarts) {
    const std::string name = base::StrCat("loop-", restarts);
    ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = name,
                                                      .limit_bytes = 16 * kMiB,
                                                      .restarts = restarts,
                                                      .command = GrowingHog(*pod, name)}));
    const Container& container = pod->containers.back();
    RETURN_IF_ERROR(
        stage.Expect({.victim = hog, .container = &container}, Full(*pod, container, kByRuntime)));
  }
  return absl::OkStatus();
}

// In the cgroup of the pod's own sandbox: the pod is all there is to name.
absl::Status InTheSandbox(Stage& stage) {
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "sandbox-1", .labels = {{"app", "sb"}}}));
  Naming naming = PodOnly(*pod, pod->sandbox_id, kByRuntime);
  naming.reason = "the pod's sandbox, which has no container name";
  return KillOutsider(stage, PlaceIn(*pod, pod->sandbox_id), naming);
}

absl::Status RuntimeAway(Stage& stage) {
  const std::vector<std::string> went = {"no names for now: cri"};
  const std::vector<std::string> came = {"names from cri", "failed tries"};
  const size_t went_before = stage.agent.CountLog(went);
  const size_t came_before = stage.agent.CountLog(came);

  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "shop-1", .labels = {{"app", "shop"}}}));
  ASSIGN_OR_RETURN(auto* first, stage.node.Run(*pod, {.name = "app"}));
  const Container& container = pod->containers[0];
  const Naming full = Full(*pod, container, kByRuntime);
  const auto kill_child = [&](const std::string& name, uint64_t kills) -> absl::Status {
    first->Fork(name);
    ASSIGN_OR_RETURN(auto* child, stage.node.hogs().Await(name));
    return stage.Kill({.victim = child,
                       .container = &container,
                       .comm = name,
                       .oom_score_adj = 1000,
                       .kills_in_container = kills},
                      full);
  };
  RETURN_IF_ERROR(kill_child("before", 1));
  RETURN_IF_ERROR(stage.node.runtime().Stop());
  RETURN_IF_ERROR(kill_child("meanwhile", 2));
  const std::string unheard(64, 'f');
  RETURN_IF_ERROR(KillOutsider(stage, PlaceIn(*pod, unheard), PodOnly(*pod, unheard, kByRuntime)));
  RETURN_IF_ERROR(stage.agent.AwaitLog(went, went_before + 1));
  RETURN_IF_ERROR(
      stage.Kill({.victim = first, .container = &container, .kills_in_container = 3}, full));

  RETURN_IF_ERROR(stage.node.runtime().Start());
  ASSIGN_OR_RETURN(auto* second, stage.node.Run(*pod, {.name = "app", .restarts = 1}));
  RETURN_IF_ERROR(stage.agent.AwaitLog(came, came_before + 1));
  const Container& next = pod->containers[1];
  RETURN_IF_ERROR(stage.Kill({.victim = second, .container = &next}, Full(*pod, next, kByRuntime)));
  if (stage.agent.CountLog(went) == went_before + 1 &&
      stage.agent.CountLog(came) == came_before + 1) {
    return absl::OkStatus();
  }
  return absl::InternalError("the agent does not say once that the runtime went and came: " +
                             base::StrJoin(stage.agent.log(), " | "));
}

// An agent that finds no runtime at its start, and then one.
absl::Status RuntimeComesLater(Stage& stage) {
  RETURN_IF_ERROR(stage.node.runtime().Stop());
  ASSIGN_OR_RETURN(const auto agent, stage.start_agent());
  RETURN_IF_ERROR(agent->AwaitLog({"no runtime's socket is there yet"}));
  RETURN_IF_ERROR(stage.node.runtime().Start());
  ASSIGN_OR_RETURN(auto* pod, stage.node.MakePod({.name = "late-1", .labels = {{"app", "late"}}}));
  ASSIGN_OR_RETURN(auto* hog, stage.node.Run(*pod, {.name = "app"}));
  RETURN_IF_ERROR(agent->AwaitLog({"names from cri unix:///run/containerd/containerd.sock"}));
  const Container& container = pod->containers[0];
  const Killed killed{.victim = hog, .container = &container};
  const Naming full = Full(*pod, container, kByRuntime);
  RETURN_IF_ERROR(stage.Kill(killed, full));
  RETURN_IF_ERROR(ExpectEvent(stage.witnesses, *agent, killed, full));
  if (agent->CountLog({"no names for now"}) == 0) return agent->Stop();
  return absl::InternalError("a runtime that is not there yet is told as a failure");
}

}  // namespace

std::vector<Scenario> AbsenceScenarios() {
  return {
      {"removed before it is handled", Sources::kRuntime, RemovedBeforeHandled},
      {"came and went unseen", Sources::kRuntime, CameAndWentUnseen},
      {"killed in its first moments", Sources::kRuntime, FirstMoments},
      {"in the pod's sandbox", Sources::kRuntime, InTheSandbox},
      {"runtime away and back", Sources::kRuntime, RuntimeAway},
      {"runtime comes later", Sources::kAuto, RuntimeComesLater},
      {"runtime found, away and back", Sources::kAuto, RuntimeAway},
  };
}

}  // namespace oomtrail::containerd
