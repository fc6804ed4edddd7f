#include <iostream>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/cli/commands.h"
#include "agent/cli/doctor_advice.h"
#include "agent/cli/name_sources.h"
#include "agent/forecast/lookout.h"
#include "agent/kernel/allocation_tracker.h"
#include "agent/kernel/hooks.h"
#include "agent/kernel/kmsg_reader.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::cli {
namespace {

using kernel::Hook;
using kernel::HookReport;

void Field(std::string_view name, std::string_view value) {
  std::cout << "  " << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') << value
            << '\n';
}

void PrintNode(const kernel::NodeSecurity& security, const kernel::KernelFeatures& features,
               const absl::StatusOr<resolve::CgroupMount>& mount) {
  std::cout << "node\n";
  Field("kernel", security.kernel_release);
  Field("BTF", features.btf ? "present" : features.btf_error);
  Field("lockdown", security.lockdown.value_or("could not be read"));
  Field("LSMs", security.lsms.value_or("could not be read"));
  Field("privilege",
        security.privileged_for_bpf ? "enough for BPF" : "not enough for BPF: " + Remedy(security));
  Field("cgroups", mount.ok() ? base::StrCat("v", mount->version, ", memory at ", mount->directory)
                              : std::string(mount.status().message()));
}

void PrintHook(const HookReport& report, const kernel::NodeSecurity& security) {
  for (const kernel::Attempt& attempt : report.attempts) {
    std::string line = base::StrCat(Name(report.hook), " by ", Name(attempt.method));
    line.resize(std::max<size_t>(line.size() + 2, 26), ' ');
    base::StrAppend(&line, Explain(attempt, security));
    if (report.chosen == attempt.method) line += "  <- used";
    std::cout << "  " << line << '\n';
  }
}

// Whether the kernel log could stand in, and what it says.
bool PrintKmsg(bool used) {
  const auto kmsg = kernel::KmsgReader::Open("/dev/kmsg", [](std::string_view) {});
  std::string line = "victim by kmsg            ";
  base::StrAppend(&line, kmsg.ok() ? "works" : kmsg.status().message());
  if (used && kmsg.ok()) line += "  <- used";
  std::cout << "  " << line << '\n';
  return kmsg.ok();
}

// How memory would be watched, and whether allocations could be followed; both for a moment.
void PrintForesight(const AgentOptions& options, const kernel::KernelFeatures& features,
                    const resolve::CgroupMount& mount) {
  std::cout << "\nwarnings before a kill\n";
  const base::SystemClock clock;
  const base::Log log(base::LogFormat::kText);
  const auto lookout = forecast::Lookout::Start(
      {.mount = mount, .proc_root = options.proc_root, .features = features}, clock, log, [] {});
  if (!lookout.ok()) {
    Field("reader", std::string(lookout.status().message()));
  } else {
    const forecast::LookoutState state = (*lookout)->state();
    Field("reader", state.reader_reason.empty()
                        ? state.reader
                        : base::StrCat(state.reader, ": ", state.reader_reason));
  }
  constexpr size_t kMostBytes = 4096;
  const auto pressure = base::ReadFile(options.proc_root + "/pressure/memory", kMostBytes);
  Field("pressure", pressure.ok() ? "told by the kernel (PSI)"
                                  : "not told by this kernel: level and growth only");
  const auto tracker =
      kernel::AllocationTracker::Start(features, {.mode = kernel::TrackingMode::kAdaptive});
  Field("allocations",
        tracker.ok() ? "can be followed (--track)" : std::string(tracker.status().message()));
}

}  // namespace

int RunDoctor(const AgentOptions& options) {
  if (const auto checked = CheckNameSources(options); !checked.ok()) {
    std::cerr << "oomtrail: " << checked.message() << '\n';
    return kExitUsage;
  }
  const kernel::NodeSecurity security = kernel::ProbeNodeSecurity();
  const kernel::KernelFeatures features = kernel::ProbeKernelFeatures();
  const auto mount = resolve::FindMemoryCgroups(options.cgroup_root, options.proc_root);
  PrintNode(security, features, mount);

  std::cout << "\nhooks, best method first\n";
  std::vector<HookReport> reports;
  bool victims = false;
  // Pins are not touched: a running agent keeps them.
  const auto hooks =
      kernel::Hooks::Attach(features, {.only = options.hook_method,
                                       .memory_hierarchy = mount.ok() ? mount->hierarchy : 0,
                                       .try_all = true});
  if (hooks.ok()) {
    reports = (*hooks)->reports();
    victims = (*hooks)->report(Hook::kVictim).chosen.has_value();
    for (const HookReport& report : reports) PrintHook(report, security);
  } else {
    for (const Hook hook : kernel::kHooks) reports.push_back({.hook = hook});
    std::cout << "  none: " << base::Printable(std::string(hooks.status().message())) << '\n';
  }
  const bool kmsg = PrintKmsg(!victims);

  std::cout << "\nnames of pods and containers\n";
  for (const std::string& line : DescribeNameSources(options)) std::cout << "  " << line << '\n';

  if (mount.ok()) PrintForesight(options, features, *mount);

  const bool works = mount.ok() && (victims || kmsg);
  std::cout << "\nwhat this costs\n";
  const std::vector<std::string> costs =
      works ? Costs(reports) : std::vector<std::string>{"Everything: no kill is seen."};
  for (const std::string& cost : costs) std::cout << "  " << cost << '\n';
  if (costs.empty()) std::cout << "  nothing: every fact of a kill can be had\n";

  std::cout << "\nverdict: ";
  if (works) {
    std::cout << "OOM kills on this node can be seen and attributed\n";
  } else {
    const std::string remedy = Remedy(security);
    std::cout << "OOM kills on this node cannot be seen; "
              << (remedy.empty() ? "see the refusals above" : remedy) << '\n';
  }
  std::cout.flush();
  return works ? kExitOk : kExitFailed;
}

}  // namespace oomtrail::cli
