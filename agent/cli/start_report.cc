#include "agent/cli/start_report.h"

#include "agent/base/strings.h"
#include "agent/cli/doctor_advice.h"

namespace oomtrail::cli {
namespace {

std::string Line(const kernel::HookReport& report) {
  std::vector<std::string> refusals;
  for (const kernel::Attempt& attempt : report.attempts) {
    if (attempt.error == 0) continue;
    refusals.push_back(base::StrCat(Name(attempt.method), ": ", Answer(attempt)));
  }
  std::string line =
      base::StrCat("hook ", Name(report.hook), ": ", report.chosen ? Name(*report.chosen) : "none");
  if (report.pinned) base::StrAppend(&line, ", pinned");
  if (!refusals.empty()) base::StrAppend(&line, " (", base::StrJoin(refusals, ", "), ")");
  return line;
}

}  // namespace

void LogHooks(const base::Log& log, const std::vector<kernel::HookReport>& reports,
              bool pins_wanted) {
  std::string pin_error;
  bool refused = false;
  for (const kernel::HookReport& report : reports) {
    log.Info(Line(report));
    if (pin_error.empty()) pin_error = report.pin_error;
    for (const kernel::Attempt& attempt : report.attempts) refused |= attempt.error != 0;
  }
  for (const std::string& cost : Costs(reports)) log.Info(cost);
  if (refused) log.Info("why a method was refused, and the remedy: oomtrail doctor");
  if (pins_wanted && !pin_error.empty()) {
    log.Warn(base::StrCat("not pinned: kills while no agent runs are not collected: ", pin_error));
  }
}

}  // namespace oomtrail::cli
