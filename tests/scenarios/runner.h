// Runs the table: agents watch, a scenario happens, what they said is judged.
//
// One a process; owned and called by its one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/scenarios/agent_process.h"
#include "tests/scenarios/features.h"
#include "tests/scenarios/kernel_log.h"
#include "tests/scenarios/observer.h"
#include "tests/scenarios/options.h"
#include "tests/scenarios/report.h"
#include "tests/scenarios/scenario.h"

namespace oomtrail::scenarios {

class Runner {
 public:
  Runner(const Options& options, const Features& features, std::unique_ptr<KernelLog> log,
         Watch& watch, Report& report)
      : options_(options),
        features_(features),
        watch_(watch),
        log_(std::move(log)),
        report_(report) {}

  void Run();

 private:
  using Observers = std::vector<std::unique_ptr<Observer>>;

  // Returns a method that works here; absent where none does.
  std::optional<Method> RunPass(const std::vector<Method>& methods);
  Observers StartAll(const std::vector<Method>& methods);
  void StopAll(Observers& observers);
  void RunScenario(const Scenario& scenario, Observers& observers);
  // Empty where it can run here.
  std::string WhyNot(const Scenario& scenario) const;
  void AwaitEvents(const Outcome& outcome, Observers& observers);
  absl::StatusOr<pid_t> KillSentinel(World& world, Observers& observers);
  void CheckCounts(const CgroupTree& tree, const Outcome& outcome,
                   std::vector<std::string>& failures) const;
  void CheckIds(const std::vector<Verdict>& verdicts, std::vector<std::string>& failures) const;
  // Waits until the kernel's log has room for the headers of so many OOMs.
  void AwaitHeaders(int ooms);

  // pin_scenario.cc
  void RunPinScenario(Observers& observers);
  absl::Status PinAndRestart(Observer& observer, World& world, Happened& happened,
                             Verdict& verdict);

  // warning_scenario.cc
  static constexpr std::string_view kSlowLeak = "slow-leak";
  void RunWarningScenario(Method method);
  absl::Status WarnOfALeak(AgentProcess& agent, World& world, std::vector<std::string>& failures);

  const Options& options_;
  const Features& features_;
  Watch& watch_;
  std::unique_ptr<KernelLog> log_;
  Report& report_;
  uint32_t number_ = 0;
  // As if others had just used it up: nothing is known of the time before.
  std::chrono::steady_clock::time_point window_began_ = std::chrono::steady_clock::now();
  uint64_t window_headers_ = 0;
  bool window_known_ = false;
};

}  // namespace oomtrail::scenarios
