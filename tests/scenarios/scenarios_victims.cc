#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

// One process that outgrows its container's limit; what `plan` says of it is what is looked at.
absl::StatusOr<Outcome> Outgrow(World& world, Plan plan, const std::string& shown_comm) {
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Place other, world.MakeLimited(kLimit));
  RETURN_IF_ERROR(world.RunNeighbour(other));
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, std::move(plan)));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  Outcome outcome;
  ExpectedKill kill = world.Expect(*child, place, place.cgroup, kLimit);
  kill.comm = shown_comm;
  kill.trigger->comm = shown_comm;
  outcome.kills = {kill};
  outcome.counted = {place.cgroup, other.cgroup};
  return outcome;
}

absl::StatusOr<Outcome> ContainerAnon(World& world) {
  return Outgrow(world, {.comm = "app", .uid = 1234, .oom_score_adj = 300, .body = Hog}, "app");
}

absl::StatusOr<Outcome> SharedMapped(World& world) {
  const auto body = [](const Port&) {
    FillShared(kMoreThanAnyLimit);
    return 0;
  };
  return Outgrow(world, {.comm = "shared", .body = body}, "shared");
}

// The victim itself is small: what it wrote belongs to the cgroup and to no process.
absl::StatusOr<Outcome> MemoryFile(World& world) {
  const auto body = [](const Port&) { return FillFile(kMoreThanAnyLimit); };
  return Outgrow(world, {.comm = "tmpfs-writer", .body = body}, "tmpfs-writer");
}

// A terminal's clear-screen, a line break, no UTF-8, and what reads like an escape of the agent's.
absl::StatusOr<Outcome> HostileComm(World& world) {
  return Outgrow(world, {.comm = "\x1b[2J\n\xff\"\\x0a", .body = Hog},
                 R"(\x1b[2J\x0a\xff"\x5cx0a)");
}

// As the kernel log writes the end of a comm.
absl::StatusOr<Outcome> SpoofingComm(World& world) {
  return Outgrow(world, {.comm = "a) total-vm:1kB", .body = Hog}, "a) total-vm:1kB");
}

absl::StatusOr<Outcome> PidNamespace(World& world) {
  return Outgrow(world, {.comm = "pid-1", .pid_namespace = true, .body = Hog}, "pid-1");
}

// The container's first process lives on: Kubernetes never hears of this kill.
absl::StatusOr<Outcome> ChildOfLivingParent(World& world) {
  const auto body = [](const Port& port) -> int {
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_NAME, "worker");
      port.AwaitGo();
      ::_exit(Hog(port));
    }
    port.Say(static_cast<uint64_t>(child));
    int status = 0;
    ::waitpid(child, &status, 0);
    port.Say(static_cast<uint64_t>(status));
    WaitForever();
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Child* const parent, world.Run(place, {.comm = "init", .body = body}));
  RETURN_IF_ERROR(world.AwaitWord(*parent));
  const auto child = static_cast<pid_t>(parent->said()[0]);
  world.children().Adopt(child);
  ExpectedKill kill = world.Expect(*parent, place, place.cgroup, kLimit);
  kill.pid = kill.tid = kill.trigger->pid = child;
  kill.comm = kill.trigger->comm = "worker";
  kill.start_boot_ns = StartBootNanos(child).value_or(0);
  parent->Go();
  RETURN_IF_ERROR(world.AwaitWord(*parent, 2));
  Outcome outcome{.kills = {kill}, .counted = {place.cgroup}};
  const int status = static_cast<int>(parent->said()[1]);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    outcome.failures.emplace_back("the child was not killed");
  }
  if (parent->ended()) outcome.failures.emplace_back("the parent did not survive");
  return outcome;
}

// The process has lost its first thread, which alone has its name and start time.
absl::StatusOr<Outcome> LeaderExited(World& world) {
  const auto body = [](const Port& port) -> int {
    const auto work = [](void* argument) {
      const auto& line = *static_cast<const Port*>(argument);
      line.Say(static_cast<uint64_t>(::syscall(SYS_gettid)));
      line.AwaitGo();
      Hog(line);
    };
    static Port kept = port;
    LeaveToThread("worker", work, &kept);
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, {.comm = "leader", .body = body}));
  RETURN_IF_ERROR(world.AwaitWord(*child));
  ExpectedKill kill = world.Expect(*child, place, place.cgroup, kLimit);
  kill.tid = static_cast<pid_t>(child->said()[0]);
  kill.thread_comm = kill.trigger->comm = "worker";
  world.children().Adopt(kill.tid);
  child->Go();
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  return Outcome{.kills = {kill}, .counted = {place.cgroup}};
}

// Two processes, one memory: the kernel picks one as the victim and takes the other along without
// the OOM killer's hooks. One kill, one event.
absl::StatusOr<Outcome> SharedMemorySibling(World& world) {
  const auto body = [](const Port& port) -> int {
    const auto sibling = [](void* argument) -> int {
      ::prctl(PR_SET_NAME, "sibling");
      const auto& line = *static_cast<const Port*>(argument);
      line.AwaitGo();
      return Hog(line);
    };
    static Port kept = port;
    port.Say(static_cast<uint64_t>(ForkSharingMemory(sibling, &kept)));
    WaitForever();
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Child* const first, world.Run(place, {.comm = "first", .body = body}));
  RETURN_IF_ERROR(world.AwaitWord(*first));
  const auto second = static_cast<pid_t>(first->said()[0]);
  world.children().Adopt(second);
  const auto second_start = StartBootNanos(second);
  ExpectedKill kill = world.Expect(*first, place, place.cgroup, kLimit);
  kill.trigger->pid = second;
  kill.trigger->comm = "sibling";
  kill.own_trigger = false;
  first->Go();
  RETURN_IF_ERROR(world.AwaitKilled(*first));
  RETURN_IF_ERROR(world.Await("the kernel log to name one of the two", [&] {
    return world.log().Find(first->pid()) != nullptr || world.log().Find(second) != nullptr;
  }));
  if (world.log().Find(second) != nullptr) {
    kill.pid = kill.tid = second;
    kill.comm = "sibling";
    kill.start_boot_ns = second_start.value_or(0);
    kill.own_trigger = true;
  }
  return Outcome{.kills = {kill}, .counted = {place.cgroup}};
}

// The largest process in the cgroup is at its end already. The kernel marks it as a victim, to let
// it at its reserves, and kills nobody: a mark that must not become an event.
absl::StatusOr<Outcome> AlreadyDying(World& world) {
  const auto hold = [](const Port& port) -> int {
    port.Say(static_cast<uint64_t>(HoldAtExit(5 * kMiB)));
    WaitForever();
  };
  const auto fill = [](const Port& port) -> int {
    FillAnonymous(4 * kMiB);
    port.Say(0);
    WaitForever();
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Child* const holder, world.Run(place, {.comm = "holder", .body = hold}));
  RETURN_IF_ERROR(world.AwaitWord(*holder));
  const auto dying = static_cast<pid_t>(holder->said()[0]);
  world.children().Adopt(dying);
  ASSIGN_OR_RETURN(const Child* const filler, world.Run(place, {.comm = "filler", .body = fill}));
  RETURN_IF_ERROR(world.AwaitWord(*filler));
  Outcome outcome{.counted = {place.cgroup}};
  if (world.log().Find(dying) != nullptr) outcome.failures.emplace_back("the kernel killed it");
  return outcome;
}

// The cgroup is gone before anyone can look it up.
absl::StatusOr<Outcome> VanishingCgroup(World& world) {
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit, {.qos = "besteffort"}));
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, {.comm = "brief", .body = Hog}));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  world.tree().Remove(place.cgroup);
  return Outcome{.kills = {world.Expect(*child, place, place.cgroup, kLimit)}};
}

}  // namespace

std::vector<Scenario> VictimScenarios() {
  return {
      {.name = "container-anon", .run = ContainerAnon},
      {.name = "shared-mapped", .run = SharedMapped},
      {.name = "memory-file", .run = MemoryFile},
      {.name = "child-of-living-parent", .run = ChildOfLivingParent},
      {.name = "pid-namespace", .run = PidNamespace},
      {.name = "leader-exited", .run = LeaderExited},
      {.name = "shared-memory-sibling", .run = SharedMemorySibling},
      {.name = "already-dying", .run = AlreadyDying},
      {.name = "hostile-comm", .run = HostileComm},
      {.name = "spoofing-comm", .run = SpoofingComm},
      {.name = "vanishing-cgroup", .run = VanishingCgroup},
  };
}

}  // namespace oomtrail::scenarios
