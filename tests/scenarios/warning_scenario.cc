// What grows slowly towards its limit is warned of; what does not, is not. A matter of the sampler
// and no hook's: run once, whatever the methods.
#include <time.h>

#include <algorithm>
#include <cmath>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/scenarios/checker.h"
#include "tests/scenarios/clocks.h"
#include "tests/scenarios/runner.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr uint64_t kLimit = 48 * kMiB;
// Full after some 50 s: time to see a trend, and ten seconds left to act, on a busy machine too.
constexpr uint64_t kGrowth = kMiB;  // a second
constexpr double kLead = 10;
constexpr seconds kEnough{120};

// By the clock, so that a slow machine's leak is as fast as any other's.
void Pause(milliseconds time) {
  const timespec wait{time.count() / 1000, time.count() % 1000 * 1'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, nullptr);
}

int Leak(const Port&) {
  const auto start = steady_clock::now();
  for (uint64_t filled = 0;;) {
    Pause(milliseconds(100));
    const auto wanted = static_cast<uint64_t>(Since(start) * static_cast<double>(kGrowth));
    if (wanted <= filled) continue;
    FillAnonymous(wanted - filled);
    filled = wanted;
  }
}

// A heap at its size: most of the limit, and no more.
int Plateau(const Port& port) {
  FillAnonymous(kLimit / 10 * 8);
  port.Say(0);
  WaitForever();
}

// A heap that is collected: up to most of the limit, and down again.
int Sawtooth(const Port& port) {
  port.Say(0);
  while (true) {
    constexpr uint64_t kStep = kLimit / 20;
    constexpr int kSteps = 15;
    void* steps[kSteps];
    for (void*& step : steps) {
      step = FillForAWhile(kStep);
      Pause(milliseconds(400));
    }
    for (void* step : steps) GiveBack(step, kStep);
  }
}

struct Control {
  const char* comm;
  int (*body)(const Port&);
};
constexpr Control kControls[] = {{"plateau", Plateau}, {"sawtooth", Sawtooth}};

class Told {
 public:
  Told(const AgentProcess& agent, const Child& leak, const Place& place)
      : agent_(agent), leak_(leak), path_(place.cgroup.path) {}

  const Json* warning() const { return Find("early_warning", 0); }
  const Json* outcome() const { return Find("early_warning", 1); }
  const Json* kill() const {
    return FindIf([&](const Json& event) {
      return event.value("kind", "") == "oom_kill" && PidOf(event, "pid") == leak_.pid();
    });
  }
  // Warnings of others of ours.
  std::vector<std::string> Others(const CgroupTree& tree) const {
    std::vector<std::string> others;
    for (const Json& event : agent_.events()) {
      const std::string path = event.value(Json::json_pointer("/cgroup/path"), "");
      if (event.value("kind", "") == "early_warning" && path != path_ && tree.IsOurs(path)) {
        others.push_back("a warning of what does not leak: " + event.dump());
      }
    }
    return others;
  }

 private:
  template <typename Predicate>
  const Json* FindIf(Predicate predicate) const {
    const auto found = std::ranges::find_if(agent_.events(), predicate);
    return found == agent_.events().end() ? nullptr : &*found;
  }
  const Json* Find(const char* kind, int revision) const {
    return FindIf([&](const Json& event) {
      return event.value("kind", "") == kind && event.value("revision", -1) == revision &&
             event.value(Json::json_pointer("/cgroup/path"), "") == path_;
    });
  }

  const AgentProcess& agent_;
  const Child& leak_;
  const std::string path_;
};

double SecondsBetween(const Json& earlier, const Json& later) {
  const auto time = [](const Json& event) { return ParseUtc(event.value("time", "")).value_or(0); };
  return static_cast<double>(time(later) - time(earlier)) / 1e9;
}

void Add(Checker& checks, std::vector<std::string>& failures) {
  for (std::string& failure : checks.Take()) failures.push_back(std::move(failure));
}

void CheckWarning(const Json& warning, const Place& place, std::vector<std::string>& failures) {
  Checker checks(warning);
  checks.Equal("/node", kNodeName);
  checks.Equal("/scope", "container");
  checks.Equal("/limit/path", place.cgroup.path);
  checks.Equal("/limit/bytes", kLimit);
  checks.Between("/limit/usage_bytes", kLimit / 4.0, kLimit);
  checks.Equal("/cgroup/id", place.cgroup.inode);
  checks.Equal("/pod/uid", place.identity.pod_uid);
  checks.Equal("/container/id", place.identity.container_id);
  checks.Equal("/warning/reason", "growth");
  checks.Between("/warning/growth_bytes_per_second", kGrowth / 2.0, kGrowth * 2.0);
  checks.Between("/warning/seconds_to_limit", 1, 60);
  checks.Between("/warning/confidence", 0, 1);
  checks.Between("/warning/working_set_bytes", kLimit / 4.0, kLimit);
  checks.Absent("/warning/outcome");
  checks.Absent("/victim");
  Add(checks, failures);
}

void CheckEnd(const Json& warning, const Json& outcome, const Json& kill,
              std::vector<std::string>& failures) {
  constexpr double kSlack = 2;  // the outcome is timed by the kill's record
  const double lead = SecondsBetween(warning, kill);
  Checker killed(kill);
  killed.Equal("/warned/warned", true);
  killed.Equal("/warned/id", warning.value("id", ""));
  killed.Between("/warned/seconds_before", std::max(kLead, lead - kSlack), lead + kSlack);
  Add(killed, failures);
  Checker ended(outcome);
  ended.Equal("/id", warning.value("id", ""));
  ended.Equal("/warning/outcome", "killed");
  ended.Between("/warning/outcome_seconds", lead - kSlack, lead + kSlack);
  Add(ended, failures);
}

}  // namespace

absl::Status Runner::WarnOfALeak(AgentProcess& agent, World& world,
                                 std::vector<std::string>& failures) {
  RETURN_IF_ERROR(agent.AwaitArmed());
  for (const Control& control : kControls) {
    ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
    ASSIGN_OR_RETURN(const Child* const child,
                     world.Run(place, {.comm = control.comm, .body = control.body}));
    RETURN_IF_ERROR(world.AwaitWord(*child));
  }
  ASSIGN_OR_RETURN(const Place place, world.MakeLimited(kLimit));
  ASSIGN_OR_RETURN(const Child* const leak, world.Run(place, {.comm = "leak", .body = Leak}));
  const Told told(agent, *leak, place);
  const bool all = watch_.Until(
      [&] { return (told.warning() && told.outcome() && told.kill()) || agent.ended(); }, kEnough);
  if (agent.ended()) return absl::InternalError("the agent has ended: " + agent.log().back());
  if (!all) {
    return absl::DeadlineExceededError(base::StrCat(
        "waited in vain: a warning ", told.warning() ? "came" : "did not come", ", its outcome ",
        told.outcome() ? "came" : "did not come", ", the kill ", told.kill() ? "came" : "did not"));
  }
  CheckWarning(*told.warning(), place, failures);
  CheckEnd(*told.warning(), *told.outcome(), *told.kill(), failures);
  const std::vector<std::string> others = told.Others(world.tree());
  failures.insert(failures.end(), others.begin(), others.end());
  return agent.Stop();
}

void Runner::RunWarningScenario(Method method) {
  const auto start = steady_clock::now();
  std::vector<std::string> failures;
  auto tree = CgroupTree::Open(options_.cgroup_root);
  auto agent = AgentProcess::Start({.program = options_.agent,
                                    .method = method,
                                    .cgroup_root = options_.cgroup_root,
                                    .warn = true},
                                   watch_);
  absl::Status status = tree.ok() ? agent.status() : tree.status();
  if (status.ok()) {
    World world(*tree, watch_, *log_, ++number_, options_.storm);
    status = WarnOfALeak(**agent, world, failures);
  }
  if (!status.ok()) failures.emplace_back(status.message());
  if (failures.empty()) {
    report_.Passed(method, kSlowLeak, Since(start), {});
  } else {
    report_.Failed(method, kSlowLeak, Since(start), failures);
  }
}

}  // namespace oomtrail::scenarios
