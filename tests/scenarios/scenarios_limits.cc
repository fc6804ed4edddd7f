#include <csignal>

#include "agent/base/status.h"
#include "tests/scenarios/scenario.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

constexpr uint64_t kLimit = 8 * kMiB;

int Hog(const Port&) {
  FillAnonymous(kMoreThanAnyLimit);
  return 0;
}

// Fills that much, says so, and stays.
template <uint64_t kBytes>
int Keep(const Port& port) {
  FillAnonymous(kBytes);
  port.Say(0);
  WaitForever();
}

// One hog in `place`, where `owner` has the limit.
absl::StatusOr<Outcome> HogUnder(World& world, const Place& place, const Cgroup& owner) {
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, {.comm = "hog", .body = Hog}));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  return Outcome{.kills = {world.Expect(*child, place, owner, kLimit)}, .counted = {place.cgroup}};
}

absl::StatusOr<Outcome> SystemdNames(World& world) {
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit, {.driver = Driver::kSystemd}));
  return HogUnder(world, place, place.cgroup);
}

// A cgroup inside the container, as crun and nested runtimes make them: the container's limit
// still.
absl::StatusOr<Outcome> NestedCgroup(World& world) {
  ASSIGN_OR_RETURN(const Place container, world.MakeLimited(kLimit, {.qos = "guaranteed"}));
  Place place = container;
  ASSIGN_OR_RETURN(place.cgroup, world.tree().Make(container.cgroup.path + "/app"));
  return HogUnder(world, place, container.cgroup);
}

absl::StatusOr<Outcome> PodLimit(World& world) {
  ASSIGN_OR_RETURN(const Place pod, world.MakePod());
  ASSIGN_OR_RETURN(const Place small, world.MakeContainer(pod));
  ASSIGN_OR_RETURN(const Place large, world.MakeContainer(pod));
  RETURN_IF_ERROR(world.tree().Limit(pod.cgroup, kLimit));
  RETURN_IF_ERROR(world.tree().Limit(small.cgroup, kLimit));
  RETURN_IF_ERROR(world.tree().Limit(large.cgroup, 2 * kLimit));
  ASSIGN_OR_RETURN(const Child* const kept,
                   world.Run(small, {.comm = "kept", .body = Keep<2 * kMiB>}));
  RETURN_IF_ERROR(world.AwaitWord(*kept));
  ASSIGN_OR_RETURN(Outcome outcome, HogUnder(world, large, pod.cgroup));
  outcome.kills[0].scope = "pod";
  if (kept->ended()) outcome.failures.emplace_back("the smaller container was killed too");
  return outcome;
}

// One container takes the pod's last byte, another one, the largest, is killed for it.
absl::StatusOr<Outcome> PodLimitNeighbour(World& world) {
  ASSIGN_OR_RETURN(const Place pod, world.MakePod());
  ASSIGN_OR_RETURN(const Place victim, world.MakeContainer(pod));
  ASSIGN_OR_RETURN(const Place taker, world.MakeContainer(pod));
  RETURN_IF_ERROR(world.tree().Limit(pod.cgroup, kLimit));
  ASSIGN_OR_RETURN(const Child* const large,
                   world.Run(victim, {.comm = "large", .body = Keep<5 * kMiB>}));
  RETURN_IF_ERROR(world.AwaitWord(*large));
  ASSIGN_OR_RETURN(const Child* const small,
                   world.Run(taker, {.comm = "taker", .body = Keep<4 * kMiB>}));
  RETURN_IF_ERROR(world.AwaitKilled(*large));
  RETURN_IF_ERROR(world.Await("the taker to be done, or killed",
                              [&] { return small->ended() || !small->said().empty(); }));
  ExpectedKill kill = world.Expect(*large, victim, pod.cgroup, kLimit);
  kill.scope = "pod";
  kill.own_trigger = false;
  kill.trigger =
      ExpectedTrigger{.pid = small->pid(), .comm = "taker", .cgroup_path = taker.cgroup.path};
  Outcome outcome{.kills = {kill}, .counted = {victim.cgroup, taker.cgroup}};
  if (small->ended()) {
    // The victim's memory was not back in time: the kernel killed once more.
    ExpectedKill second = world.Expect(*small, taker, pod.cgroup, kLimit);
    second.scope = "pod";
    second.incident = 1;
    second.limit->in_flight = true;
    outcome.kills.push_back(second);
  }
  return outcome;
}

// The pod's limit is the sum of its containers' limits, as the kubelet sets it; the sandbox has
// none and counts against the pod's.
absl::StatusOr<Outcome> EqualLimits(World& world) {
  ASSIGN_OR_RETURN(const Place pod, world.MakePod());
  ASSIGN_OR_RETURN(const Place sandbox, world.MakeContainer(pod));
  ASSIGN_OR_RETURN(const Place place, world.MakeContainer(pod));
  RETURN_IF_ERROR(world.tree().Limit(pod.cgroup, kLimit));
  RETURN_IF_ERROR(world.tree().Limit(place.cgroup, kLimit));
  ASSIGN_OR_RETURN(const Child* const pause,
                   world.Run(sandbox, {.comm = "pause", .body = Keep<kMiB>}));
  RETURN_IF_ERROR(world.AwaitWord(*pause));
  ASSIGN_OR_RETURN(Outcome outcome, HogUnder(world, place, pod.cgroup));
  outcome.kills[0].scope = "pod";
  return outcome;
}

absl::StatusOr<Outcome> AncestorLimit(World& world) {
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(2 * kLimit));
  ASSIGN_OR_RETURN(const Cgroup burstable, world.Above(place, 2));
  RETURN_IF_ERROR(world.tree().Limit(burstable, kLimit));
  ASSIGN_OR_RETURN(Outcome outcome, HogUnder(world, place, burstable));
  outcome.kills[0].scope = "ancestor";
  return outcome;
}

absl::StatusOr<Outcome> HostUnit(World& world) {
  ASSIGN_OR_RETURN(const Place place, world.MakeUnit("oomtrail-hog.service"));
  RETURN_IF_ERROR(world.tree().Limit(place.cgroup, kLimit));
  ASSIGN_OR_RETURN(Outcome outcome, HogUnder(world, place, place.cgroup));
  outcome.kills[0].scope = "host";
  return outcome;
}

// Somebody elsewhere lowers the limit: the trigger has no part in the memory at all.
absl::StatusOr<Outcome> LimitLowered(World& world) {
  constexpr uint64_t kLowered = 2 * kMiB;
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Place elsewhere, world.MakeUnit("resizer.service"));
  ASSIGN_OR_RETURN(const Child* const child,
                   world.Run(place, {.comm = "idle", .body = Keep<5 * kMiB>}));
  RETURN_IF_ERROR(world.AwaitWord(*child));
  const std::string file = place.cgroup.directory + "/memory.max";
  const auto lower = [file](const Port& port) -> int {
    port.Say(WriteFile(file, std::to_string(kLowered)).ok() ? 1 : 0);
    WaitForever();
  };
  ASSIGN_OR_RETURN(const Child* const resizer,
                   world.Run(elsewhere, {.comm = "resizer", .body = lower}));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  RETURN_IF_ERROR(world.AwaitWord(*resizer));
  ExpectedKill kill = world.Expect(*child, place, place.cgroup, kLowered);
  kill.own_trigger = false;
  kill.limit->usage_bytes = 5 * kMiB;
  kill.trigger = ExpectedTrigger{
      .pid = resizer->pid(), .comm = "resizer", .cgroup_path = elsewhere.cgroup.path};
  // While the victim's memory is on its way back, the write may find nobody left to kill.
  return Outcome{.kills = {kill},
                 .ooms_without_kill = {{.place = place,
                                        .limit_bytes = kLowered,
                                        .trigger = *kill.trigger,
                                        .certain = false}},
                 .counted = {place.cgroup}};
}

// A hog and three idle members of one memory.oom.group; all of them go.
absl::StatusOr<Outcome> KillGroup(World& world, const std::vector<Place>& places,
                                  const Cgroup& owner, const std::string& scope) {
  std::vector<const Child*> members;
  std::vector<Place> where;
  for (int i = 0; i < 3; ++i) {
    where.push_back(places[static_cast<size_t>(i) % places.size()]);
    ASSIGN_OR_RETURN(const Child* const member,
                     world.Run(where.back(), {.comm = "member", .body = Keep<kMiB / 2>}));
    RETURN_IF_ERROR(world.AwaitWord(*member));
    members.push_back(member);
  }
  ASSIGN_OR_RETURN(const Child* const hog, world.Run(places[0], {.comm = "hog", .body = Hog}));
  members.push_back(hog);
  where.push_back(places[0]);
  Outcome outcome;
  for (size_t i = 0; i < members.size(); ++i) {
    RETURN_IF_ERROR(world.AwaitKilled(*members[i]));
    ExpectedKill kill = world.Expect(*members[i], where[i], owner, kLimit);
    kill.scope = scope;
    kill.group = true;
    kill.group_member = kill.pid != hog->pid();
    kill.own_trigger = !kill.group_member;
    kill.trigger =
        ExpectedTrigger{.pid = hog->pid(), .comm = "hog", .cgroup_path = places[0].cgroup.path};
    outcome.kills.push_back(kill);
  }
  for (const Place& place : places) outcome.counted.push_back(place.cgroup);
  return outcome;
}

absl::StatusOr<Outcome> GroupKill(World& world) {
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  RETURN_IF_ERROR(WriteFile(place.cgroup.directory + "/memory.oom.group", "1"));
  return KillGroup(world, {place}, place.cgroup, "container");
}

// The group is the whole pod: a container dies for another one's hunger.
absl::StatusOr<Outcome> GroupKillPod(World& world) {
  ASSIGN_OR_RETURN(const Place pod, world.MakePod());
  ASSIGN_OR_RETURN(const Place first, world.MakeContainer(pod));
  ASSIGN_OR_RETURN(const Place second, world.MakeContainer(pod));
  RETURN_IF_ERROR(world.tree().Limit(pod.cgroup, kLimit));
  RETURN_IF_ERROR(WriteFile(pod.cgroup.directory + "/memory.oom.group", "1"));
  return KillGroup(world, {first, second}, pod.cgroup, "pod");
}

// Nobody in the cgroup may be killed: the write fails, and everyone lives.
absl::StatusOr<Outcome> OomWithoutKill(World& world) {
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  const auto body = [](const Port& port) -> int {
    port.Say(static_cast<uint64_t>(FillFile(2 * kLimit)));
    WaitForever();
  };
  ASSIGN_OR_RETURN(const Child* const child,
                   world.Run(place, {.comm = "protected", .oom_score_adj = -1000, .body = body}));
  RETURN_IF_ERROR(world.AwaitWord(*child));
  Outcome outcome;
  if (child->said()[0] != ENOMEM) outcome.failures.emplace_back("the write did not fail");
  outcome.ooms_without_kill = {
      {.place = place,
       .limit_bytes = kLimit,
       .trigger = {.pid = child->pid(), .comm = "protected", .cgroup_path = place.cgroup.path}}};
  outcome.counted = {place.cgroup};
  return outcome;
}

}  // namespace

std::vector<Scenario> LimitScenarios() {
  return {
      {.name = "systemd-names", .run = SystemdNames},
      {.name = "nested-cgroup", .run = NestedCgroup},
      {.name = "pod-limit", .run = PodLimit},
      {.name = "pod-limit-neighbour", .ooms = 2, .run = PodLimitNeighbour},
      {.name = "equal-limits", .run = EqualLimits},
      {.name = "ancestor-limit", .run = AncestorLimit},
      {.name = "host-unit", .run = HostUnit},
      {.name = "limit-lowered", .needs = kCgroupV2, .run = LimitLowered},
      {.name = "group-kill", .needs = kCgroupV2, .run = GroupKill},
      {.name = "group-kill-pod", .needs = kCgroupV2, .run = GroupKillPod},
      {.name = "oom-without-kill", .needs = kProtection, .run = OomWithoutKill},
  };
}

}  // namespace oomtrail::scenarios
