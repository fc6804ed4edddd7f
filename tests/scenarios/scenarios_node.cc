#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/scenarios/scenario.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

constexpr size_t kMoreThanAnyNode = 64ULL << 30;

int Hog(const Port&) {
  FillAnonymousFast(kMoreThanAnyNode);
  return 0;
}

// A hog without a limit in `place`, before all others in the kernel's choice.
absl::StatusOr<Outcome> HogNode(World& world, const Place& place, Plan plan,
                                const std::string& scope) {
  plan.oom_score_adj = 900;
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, std::move(plan)));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  RETURN_IF_ERROR(
      world.Await("the kernel log", [&] { return world.log().Find(child->pid()) != nullptr; }));
  ExpectedKill kill = world.Expect(*child, place, place.cgroup, 0);
  kill.scope = scope;
  kill.inferred_scope = "node";
  kill.constraint = scope == "node" ? "none" : scope;
  kill.limit.reset();
  const auto& header = world.log().Find(child->pid())->header;
  // Whoever needs a page when there is none left: the log knows.
  kill.own_trigger = header && header->trigger_tid == child->pid();
  if (!kill.own_trigger) kill.trigger.reset();
  return Outcome{.kills = {kill}, .counted = {place.cgroup}};
}

absl::StatusOr<Place> MakeUnlimited(World& world) {
  ASSIGN_OR_RETURN(const Place pod, world.MakePod({.qos = "besteffort"}));
  return world.MakeContainer(pod);
}

absl::StatusOr<Outcome> NodeWide(World& world) {
  ASSIGN_OR_RETURN(const Place place, MakeUnlimited(world));
  return HogNode(world, place, {.comm = "node-hog", .body = Hog}, "node");
}

// A process that binds itself to one NUMA node uses that one up.
absl::StatusOr<Outcome> Mempolicy(World& world) {
  const auto body = [](const Port& port) -> int {
    const unsigned long second = 1UL << 1;
    if (::syscall(SYS_set_mempolicy, MPOL_BIND, &second, 8 * sizeof second) != 0) return 1;
    return Hog(port);
  };
  ASSIGN_OR_RETURN(const Place place, MakeUnlimited(world));
  return HogNode(world, place, {.comm = "bound-hog", .body = body}, "mempolicy");
}

// A pod with NUMA-aligned memory (the kubelet's static memory manager) uses up its node.
absl::StatusOr<Outcome> Cpuset(World& world) {
  ASSIGN_OR_RETURN(const Place place, MakeUnlimited(world));
  const std::string mount =
      std::string(base::StripSuffix(place.cgroup.directory, place.cgroup.path));
  for (size_t at = 0; at != std::string::npos; at = place.cgroup.path.find('/', at + 1)) {
    RETURN_IF_ERROR(
        WriteFile(base::StrCat(mount, place.cgroup.path.substr(0, at), "/cgroup.subtree_control"),
                  "+cpuset"));
  }
  RETURN_IF_ERROR(WriteFile(place.cgroup.directory + "/cpuset.mems", "1"));
  return HogNode(world, place, {.comm = "cpuset-hog", .body = Hog}, "cpuset");
}

// Magic SysRq f: by hand, in a kworker, whatever the limits.
absl::StatusOr<Outcome> SysrqF(World& world) {
  const auto keep = [](const Port& port) -> int {
    FillAnonymous(4 * kMiB);
    port.Say(0);
    WaitForever();
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(16 * kMiB));
  ASSIGN_OR_RETURN(const Child* const child,
                   world.Run(place, {.comm = "by-hand", .oom_score_adj = 1000, .body = keep}));
  RETURN_IF_ERROR(world.AwaitWord(*child));
  RETURN_IF_ERROR(WriteFile("/proc/sysrq-trigger", "f"));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  ExpectedKill kill = world.Expect(*child, place, place.cgroup, 0);
  kill.scope = "manual";
  kill.inferred_scope = "node";
  kill.constraint = "none";
  kill.order = -1;
  kill.limit.reset();
  kill.trigger.reset();
  kill.own_trigger = false;
  return Outcome{.kills = {kill}, .counted = {place.cgroup}};
}

}  // namespace

std::vector<Scenario> NodeScenarios() {
  return {
      {.name = "sysrq-f", .needs = kWholeNode, .run = SysrqF},
      {.name = "node-wide", .needs = kWholeNode, .run = NodeWide},
      {.name = "mempolicy", .needs = kWholeNode | kTwoNodes, .run = Mempolicy},
      {.name = "cpuset", .needs = kWholeNode | kTwoNodes | kCgroupV2, .run = Cpuset},
  };
}

}  // namespace oomtrail::scenarios
