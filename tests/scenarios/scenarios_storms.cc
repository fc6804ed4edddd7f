#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/scenarios/scenario.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

int Hog(const Port&) {
  FillAnonymous(kMoreThanAnyLimit);
  return 0;
}

// A container that crashes and crashes: each kill an incident of its own, none lost, none twice.
absl::StatusOr<Outcome> KillsInARow(World& world) {
  constexpr uint64_t kLimit = kMiB;
  const auto kills = static_cast<size_t>(world.storm());
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  // Forked elsewhere: the stacks of the dead, which wait for RCU, would fill so small a limit.
  ASSIGN_OR_RETURN(const Place nest, world.MakeUnit("nest.service"));
  const std::string procs = place.cgroup.directory + "/cgroup.procs";
  const auto body = [procs](const Port& port) -> int {
    while (true) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::prctl(PR_SET_NAME, "storm");
        port.AwaitGo();
        if (!WriteFile(procs, "0").ok()) ::_exit(1);
        ::_exit(Hog(port));
      }
      port.Say(static_cast<uint64_t>(child));
      int status = 0;
      ::waitpid(child, &status, 0);
      port.Say(static_cast<uint64_t>(status));
      port.AwaitGo();
    }
  };
  ASSIGN_OR_RETURN(const Child* const parent, world.Run(nest, {.comm = "nest", .body = body}));
  Outcome outcome{.counted = {place.cgroup, nest.cgroup}};
  for (size_t i = 0; i < kills; ++i) {
    RETURN_IF_ERROR(world.AwaitWord(*parent, 2 * i + 1));
    const auto child = static_cast<pid_t>(parent->said()[2 * i]);
    world.children().Adopt(child);
    ExpectedKill kill = world.Expect(*parent, place, place.cgroup, kLimit);
    kill.pid = kill.tid = kill.trigger->pid = child;
    kill.comm = kill.trigger->comm = "storm";
    kill.start_boot_ns = StartBootNanos(child).value_or(0);
    kill.incident = static_cast<int>(i);
    outcome.kills.push_back(kill);
    parent->Go();
    RETURN_IF_ERROR(world.AwaitWord(*parent, 2 * i + 2));
    const int status = static_cast<int>(parent->said()[2 * i + 1]);
    if (!WIFSIGNALED(status)) {
      outcome.failures.push_back(base::StrCat("process ", child, " was not killed"));
    }
    parent->Go();
  }
  return outcome;
}

// As many limits hit at once as there are containers.
absl::StatusOr<Outcome> ConcurrentOoms(World& world) {
  constexpr int kContainers = 6;
  std::vector<Place> places;
  std::vector<const Child*> hogs;
  for (int i = 0; i < kContainers; ++i) {
    const uint64_t limit = static_cast<uint64_t>(4 + i) * kMiB;
    ASSIGN_OR_RETURN(places.emplace_back(), world.MakeLimited(limit));
    ASSIGN_OR_RETURN(
        const Child* const hog,
        world.children().Spawn(
            {.comm = base::StrCat("hog-", i), .cgroup = places.back().cgroup, .body = Hog}));
    hogs.push_back(hog);
  }
  for (const Child* hog : hogs) hog->Go();
  Outcome outcome;
  for (int i = 0; i < kContainers; ++i) {
    const auto at = static_cast<size_t>(i);
    RETURN_IF_ERROR(world.AwaitKilled(*hogs[at]));
    ExpectedKill kill =
        world.Expect(*hogs[at], places[at], places[at].cgroup, static_cast<uint64_t>(4 + i) * kMiB);
    kill.incident = i;
    outcome.kills.push_back(kill);
    outcome.counted.push_back(places[at].cgroup);
  }
  return outcome;
}

}  // namespace

std::vector<Scenario> StormScenarios() {
  return {
      {.name = "concurrent-ooms", .ooms = 6, .run = ConcurrentOoms},
      {.name = "kills-in-a-row", .ooms = 0, .run = KillsInARow},
  };
}

}  // namespace oomtrail::scenarios
