#include "agent/cli/doctor_advice.h"

#include <unistd.h>

#include <cerrno>

#include "agent/base/strings.h"

namespace oomtrail::cli {

using kernel::Attempt;
using kernel::Hook;
using kernel::HookReport;
using kernel::NodeSecurity;
using model::HookMethod;

namespace {

std::string LockdownIs(const NodeSecurity& security) {
  if (!security.lockdown) return "lockdown could not be read";
  return base::StrCat("lockdown is ", *security.lockdown == "integrity" ? "only " : "",
                      *security.lockdown);
}

bool KprobesBuiltIn() {
  return ::access("/sys/bus/event_source/devices/kprobe/type", F_OK) == 0 ||
         ::access("/sys/kernel/tracing/kprobe_events", F_OK) == 0;
}

std::string Cause(const Attempt& attempt, const NodeSecurity& security) {
  const bool confidential = security.lockdown == "confidentiality";
  const bool refused = attempt.error == EPERM || attempt.error == EACCES;
  if (refused && !security.privileged_for_bpf) return "needs CAP_BPF and CAP_PERFMON, or root";
  if (attempt.method == HookMethod::kKprobe) {
    if (attempt.stage == "attach" && !KprobesBuiltIn()) {
      return "kprobes are not built into this kernel (CONFIG_KPROBES)";
    }
    if (confidential) return "lockdown=confidentiality forbids kprobes and reading kernel memory";
  }
  if (attempt.method == HookMethod::kTracepoint && !security.tracefs_mounted) {
    return confidential ? "tracefs is not mounted: lockdown=confidentiality forbids it"
                        : "tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)";
  }
  if (attempt.method == HookMethod::kTracepoint && confidential) {
    return "lockdown=confidentiality forbids tracefs and reading kernel memory";
  }
  if (refused && attempt.stage == "load" && !confidential) {
    return base::StrCat("refused although privileged; ", LockdownIs(security),
                        ", which allows it: a security policy (LSM) of this node");
  }
  if (attempt.error == kernel::kEnotsupp && attempt.stage == "attach") {
    return "this kernel has no direct calls to attach to";
  }
  if (attempt.error == ESRCH || attempt.error == ENOENT) return "this kernel has no such hook";
  return "";
}

}  // namespace

std::string Explain(const Attempt& attempt, const NodeSecurity& security) {
  std::string text = Answer(attempt);
  if (attempt.error == 0) return text;
  if (const std::string cause = Cause(attempt, security); !cause.empty()) {
    base::StrAppend(&text, ": ", cause);
  } else if (!attempt.detail.empty()) {
    base::StrAppend(&text, ": ", attempt.detail);
  }
  return text;
}

std::vector<std::string> Costs(const std::vector<HookReport>& reports) {
  std::vector<std::string> costs;
  for (const HookReport& report : reports) {
    switch (report.hook) {
      case Hook::kVictim:
        if (report.chosen == HookMethod::kTracepoint) {
          costs.emplace_back(
              "A victim that did not trigger its own OOM is looked up in /proc after the fact: its "
              "cgroup may be gone.");
        } else if (!report.chosen) {
          costs.emplace_back(
              "The kernel log is all there is: cgroup paths only while its headers are not "
              "rate-limited, no trigger, no start time, and lines can be overrun.");
        }
        break;
      case Hook::kContext:
        if (!report.chosen) {
          costs.emplace_back(
              "oom_control cannot be read: whose limit it was is inferred from each level's "
              "counters (scope_inferred), and order, gfp and constraint are not known.");
        }
        break;
      case Hook::kMemcgOom:
        if (!report.chosen) costs.emplace_back("An OOM that finds nobody to kill is not seen.");
        break;
      case Hook::kCgroups:
        if (!report.chosen) {
          costs.emplace_back(
              "New cgroups are not announced: a trigger's cgroup that is gone cannot be named.");
        }
        break;
    }
  }
  return costs;
}

std::string Remedy(const NodeSecurity& security) {
  if (!security.privileged_for_bpf) {
    return "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH (in a container: "
           "securityContext.capabilities.add)";
  }
  return "";
}

}  // namespace oomtrail::cli
