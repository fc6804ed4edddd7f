// Kills while no agent runs: kept in the kernel by pins, where the method's links can be pinned.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/scenarios/clocks.h"
#include "tests/scenarios/runner.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

using std::chrono::steady_clock;

constexpr uint64_t kLimit = 4 * kMiB;

// A bpffs directory of ours; its pins are let go of when it is destroyed.
class PinHome {
 public:
  PinHome(const std::string& bpffs, Method method)
      : path_(base::StrCat(bpffs, "/oomtrail-scenarios-", ::getpid(), "-", Name(method))) {}
  ~PinHome() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

absl::StatusOr<ExpectedKill> KillOne(World& world, const std::string& comm, int incident) {
  const auto hog = [](const Port&) {
    FillAnonymous(kMoreThanAnyLimit);
    return 0;
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, {.comm = comm, .body = hog}));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  RETURN_IF_ERROR(
      world.Await("the kernel log", [&] { return world.log().Find(child->pid()) != nullptr; }));
  ExpectedKill kill = world.Expect(*child, place, place.cgroup, kLimit);
  kill.incident = incident;
  return kill;
}

absl::Status AwaitSeen(World& world, Observer& observer, const ExpectedKill& kill) {
  RETURN_IF_ERROR(world.Await("the event of " + kill.comm, [&] {
    return observer.HasSeen(kill.tid, kill.pid) || observer.agent().ended();
  }));
  if (!observer.agent().ended()) return absl::OkStatus();
  return absl::InternalError("the agent has ended: " + observer.agent().log().back());
}

}  // namespace

absl::Status Runner::PinAndRestart(Observer& observer, World& world, Happened& happened,
                                   Verdict& verdict) {
  const Method method = observer.method();
  const PinHome home(options_.bpffs, method);
  const AgentCommand command{.program = options_.agent,
                             .method = method,
                             .cgroup_root = options_.cgroup_root,
                             .pin = home.path()};
  const auto start_again = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(auto agent, AgentProcess::Start(command, watch_));
    observer.Restart(std::move(agent));
    return observer.agent().AwaitArmed();
  };
  const bool pinned = CanPin(method, features_);

  RETURN_IF_ERROR(start_again());
  if (observer.agent().LogLine("not pinned").empty() != pinned) {
    verdict.failures.emplace_back(pinned ? "the log says that it is not pinned"
                                         : "the log does not say that it cannot be pinned");
  }
  ASSIGN_OR_RETURN(const ExpectedKill before, KillOne(world, "before", 0));
  // The last one seen may be told again, for the agent dies before it can say that it has been
  // told. So there is one more.
  ASSIGN_OR_RETURN(const ExpectedKill last, KillOne(world, "last-seen", 1));
  RETURN_IF_ERROR(AwaitSeen(world, observer, last));
  if (!observer.HasSeen(before.tid, before.pid)) {
    verdict.failures.emplace_back("no event before the restart");
  }
  observer.agent().KillHard();

  std::vector<ExpectedKill> missed;
  for (const char* comm : {"gap-one", "gap-two", "gap-three"}) {
    ASSIGN_OR_RETURN(missed.emplace_back(),
                     KillOne(world, comm, static_cast<int>(missed.size()) + 2));
  }
  RETURN_IF_ERROR(start_again());
  ASSIGN_OR_RETURN(const ExpectedKill after, KillOne(world, "after", 9));
  RETURN_IF_ERROR(AwaitSeen(world, observer, after));
  happened.outcome.kills = {after};
  if (pinned) {
    happened.outcome.kills.insert(happened.outcome.kills.begin(), missed.begin(), missed.end());
  }
  happened.sentinel = last.pid;
  happened.ended_wall_ns = WallNanos();
  const Verdict judged = observer.Judge(happened, features_);
  verdict.failures.insert(verdict.failures.end(), judged.failures.begin(), judged.failures.end());
  verdict.learnt = judged.learnt;
  return observer.agent().Stop();
}

void Runner::RunPinScenario(Observers& observers) {
  for (auto& observer : observers) {
    const auto start = steady_clock::now();
    if (observer->method() == Method::kKmsg) AwaitHeaders(6);
    Happened happened{.began_wall_ns = WallNanos()};
    Verdict verdict;
    log_->Clear();
    auto tree = CgroupTree::Open(options_.cgroup_root);
    absl::Status status = tree.status();
    if (status.ok()) {
      World world(*tree, watch_, *log_, ++number_, options_.storm);
      happened.truth = [&](pid_t tid) { return log_->Find(tid); };
      happened.is_ours = [&](const Json& event) {
        return tree->IsOurs(event.value(Json::json_pointer("/cgroup/path"), "")) ||
               world.children().IsOurs(event.value(Json::json_pointer("/victim/pid"), 0));
      };
      status = PinAndRestart(*observer, world, happened, verdict);
    }
    if (!status.ok()) verdict.failures.emplace_back(status.message());
    if (verdict.failures.empty()) {
      report_.Passed(observer->method(), "restart-gap", Since(start), verdict.learnt);
    } else {
      report_.Failed(observer->method(), "restart-gap", Since(start), verdict.failures);
    }
  }
}

}  // namespace oomtrail::scenarios
