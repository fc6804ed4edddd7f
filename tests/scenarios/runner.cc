#include "tests/scenarios/runner.h"

#include <unistd.h>

#include <algorithm>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/scenarios/clocks.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// The kernel leaves out an OOM's header beyond 10 in 5 s (oom_rs in mm/oom_kill.c). Its window
// begins with its first header, a little after ours.
constexpr uint64_t kHeadersInWindow = 10;
constexpr seconds kHeaderWindow{6};

std::vector<Scenario> AllScenarios() {
  std::vector<Scenario> all = VictimScenarios();
  for (const auto& more : {LimitScenarios(), NodeScenarios(), StormScenarios()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace

void Runner::Run() {
  std::optional<Method> works;
  if (options_.together) {
    works = RunPass(options_.methods);
  } else {
    for (const Method method : options_.methods) {
      const auto worked = RunPass({method});
      if (!works) works = worked;
    }
  }
  if (works && options_.Wants(kSlowLeak)) RunWarningScenario(*works);
}

std::optional<Method> Runner::RunPass(const std::vector<Method>& methods) {
  Observers observers = StartAll(methods);
  if (observers.empty()) return std::nullopt;
  for (const Scenario& scenario : AllScenarios()) {
    if (!options_.Wants(scenario.name)) continue;
    if (const std::string why = WhyNot(scenario); !why.empty()) {
      report_.NotPossible(scenario.name, why);
    } else {
      RunScenario(scenario, observers);
    }
  }
  StopAll(observers);
  if (options_.Wants("restart-gap")) {
    if (options_.bpffs.empty()) {
      report_.NotPossible("restart-gap", "no bpffs was given");
    } else {
      RunPinScenario(observers);
    }
  }
  return observers.front()->method();
}

Runner::Observers Runner::StartAll(const std::vector<Method>& methods) {
  Observers started;
  // All at once: an agent's start is the kernel's verifier at work.
  for (const Method method : methods) {
    auto agent = AgentProcess::Start(
        {.program = options_.agent, .method = method, .cgroup_root = options_.cgroup_root}, watch_);
    if (agent.ok()) {
      started.push_back(std::make_unique<Observer>(method, *std::move(agent)));
    } else {
      report_.Failed(method, "start", 0, {std::string(agent.status().message())});
    }
  }
  Observers armed;
  for (auto& observer : started) {
    const absl::Status status = observer->agent().AwaitArmed();
    if (status.ok()) {
      report_.Available(observer->method(), observer->agent().armed_after().count());
      armed.push_back(std::move(observer));
    } else {
      report_.Refused(observer->method(), std::string(status.message()),
                      absl::IsUnavailable(status) && options_.MayLack(observer->method()));
    }
  }
  return armed;
}

void Runner::StopAll(Observers& observers) {
  for (auto& observer : observers) {
    const auto start = steady_clock::now();
    const absl::Status status = observer->agent().Stop();
    if (status.ok()) {
      report_.Passed(observer->method(), "clean-stop", Since(start), {});
    } else {
      report_.Failed(observer->method(), "clean-stop", Since(start),
                     {std::string(status.message())});
    }
  }
}

std::string Runner::WhyNot(const Scenario& scenario) const {
  if ((scenario.needs & kCgroupV2) != 0 && features_.cgroup_version != 2) return "needs cgroup v2";
  if ((scenario.needs & kWholeNode) != 0 && !options_.node_oom) return "needs --node-oom";
  if ((scenario.needs & kTwoNodes) != 0 && ::access("/sys/devices/system/node/node1", F_OK) != 0) {
    return "needs two NUMA nodes";
  }
  if ((scenario.needs & kProtection) != 0) {
    // Lowering one's own score to where it is is free; below takes the capability.
    const bool protectable = WriteFile("/proc/self/oom_score_adj", "-1000").ok();
    if (!protectable) return "needs CAP_SYS_RESOURCE";
    if (!options_.node_oom) WriteFile("/proc/self/oom_score_adj", "0").IgnoreError();
  }
  return "";
}

void Runner::AwaitHeaders(int ooms) {
  const auto now = steady_clock::now();
  const uint64_t wanted = static_cast<uint64_t>(ooms) + 1;  // the sentinel
  const bool over = now - window_began_ >= kHeaderWindow;
  const uint64_t used = log_->headers() - window_headers_;
  if (!over && window_known_ && used + wanted <= kHeadersInWindow) return;
  if (!over) {
    // Not for something to happen, but for the kernel to forget: there is nothing to look at.
    watch_.Until([] { return false; },
                 std::chrono::ceil<milliseconds>(window_began_ + kHeaderWindow - now));
  }
  window_began_ = steady_clock::now();
  window_headers_ = log_->headers();
  window_known_ = true;
}

absl::StatusOr<pid_t> Runner::KillSentinel(World& world, Observers& observers) {
  const auto hog = [](const Port&) {
    FillAnonymous(kMoreThanAnyLimit);
    return 0;
  };
  ASSIGN_OR_RETURN(const Place place, world.MakeUnit("sentinel.service"));
  RETURN_IF_ERROR(world.tree().Limit(place.cgroup, 2 * kMiB));
  ASSIGN_OR_RETURN(const Child* const child, world.Run(place, {.comm = "sentinel", .body = hog}));
  RETURN_IF_ERROR(world.AwaitKilled(*child));
  RETURN_IF_ERROR(world.Await("the sentinel's events", [&] {
    return std::ranges::all_of(observers, [&](const auto& observer) {
      return observer->HasSeen(child->pid(), child->pid()) || observer->agent().ended();
    });
  }));
  return child->pid();
}

void Runner::AwaitEvents(const Outcome& outcome, Observers& observers) {
  const auto complete = [&](const Observer& observer) {
    return std::ranges::all_of(outcome.kills, [&](const ExpectedKill& kill) {
      return observer.HasSeen(kill.tid, kill.pid) && log_->Find(kill.tid) != nullptr;
    });
  };
  // What does not come in time is told by the judgement.
  watch_.Until([&] {
    return std::ranges::all_of(observers,
                               [&](const auto& observer) { return complete(*observer); });
  });
}

void Runner::CheckCounts(const CgroupTree& tree, const Outcome& outcome,
                         std::vector<std::string>& failures) const {
  for (const Cgroup& cgroup : outcome.counted) {
    uint64_t dead = 0;
    bool group = false;
    for (const ExpectedKill& kill : outcome.kills) {
      if (kill.place.cgroup.path != cgroup.path) continue;
      ++dead;
      group = group || (kill.group && !kill.group_member);
    }
    const auto counted = tree.OomKills(cgroup);
    // The first victim of a group kill passes again as a member, where its memory is still there.
    const uint64_t most = dead + (group ? 1 : 0);
    if (!counted || *counted < dead || *counted > most) {
      failures.push_back(base::StrCat("oom_kill of ", cgroup.path, " is ", counted.value_or(0),
                                      ", ", dead, " processes are dead"));
    }
  }
}

void Runner::CheckIds(const std::vector<Verdict>& verdicts,
                      std::vector<std::string>& failures) const {
  std::map<pid_t, std::string> ids;
  for (const Verdict& verdict : verdicts) {
    for (const auto& [pid, id] : verdict.ids) {
      const auto [known, fresh] = ids.emplace(pid, id);
      if (!fresh && known->second != id) {
        failures.push_back(
            base::StrCat("/id: ", id, " here, ", known->second, " by another method"));
      }
    }
  }
}

void Runner::RunScenario(const Scenario& scenario, Observers& observers) {
  const bool reads_log = std::ranges::any_of(
      observers, [](const auto& observer) { return observer->method() == Method::kKmsg; });
  if (reads_log && scenario.ooms != 0) AwaitHeaders(scenario.ooms);

  const auto start = steady_clock::now();
  Happened happened{.began_wall_ns = WallNanos()};
  std::vector<std::string> failures;
  std::vector<Verdict> verdicts;
  log_->Clear();
  for (auto& observer : observers) observer->Mark();
  const uint64_t overruns = log_->overruns();
  {
    auto tree = CgroupTree::Open(options_.cgroup_root);
    if (!tree.ok()) {
      failures.emplace_back(tree.status().message());
    } else {
      World world(*tree, watch_, *log_, ++number_, options_.storm);
      auto outcome = scenario.run(world);
      if (outcome.ok()) {
        happened.outcome = *std::move(outcome);
        failures = happened.outcome.failures;
        AwaitEvents(happened.outcome, observers);
      } else {
        failures.emplace_back(outcome.status().message());
      }
      if (const auto status = world.CheckNeighbours(); !status.ok()) {
        failures.emplace_back(status.message());
      }
      const auto sentinel = KillSentinel(world, observers);
      if (sentinel.ok()) {
        happened.sentinel = *sentinel;
      } else {
        failures.emplace_back(sentinel.status().message());
      }
      happened.ended_wall_ns = WallNanos();
      happened.truth = [&](pid_t tid) { return log_->Find(tid); };
      happened.is_ours = [&](const Json& event) {
        const Json::json_pointer path("/cgroup/path");
        const Json::json_pointer pid("/victim/pid");
        return options_.node_oom || tree->IsOurs(event.value(path, "")) ||
               world.children().IsOurs(event.value(pid, 0));
      };
      for (auto& observer : observers) {
        verdicts.push_back(observer->Judge(happened, features_));
      }
      CheckCounts(*tree, happened.outcome, failures);
    }
  }
  CheckIds(verdicts, failures);
  if (log_->overruns() != overruns) {
    failures.emplace_back("the kernel log overran the runner: truth was lost");
  }
  for (size_t i = 0; i < observers.size(); ++i) {
    std::vector<std::string> all = failures;
    if (i < verdicts.size()) {
      all.insert(all.end(), verdicts[i].failures.begin(), verdicts[i].failures.end());
    }
    const Method method = observers[i]->method();
    if (all.empty()) {
      report_.Passed(method, scenario.name, Since(start), verdicts[i].learnt);
    } else {
      report_.Failed(method, scenario.name, Since(start), all);
    }
  }
}

}  // namespace oomtrail::scenarios
