// What the agent says when it starts: what was chosen, why, and what that costs.
#pragma once

#include <string>
#include <vector>

#include "agent/base/log.h"
#include "agent/kernel/hook_report.h"

namespace oomtrail::cli {

// One line a hook: "hook victim: tp_btf (fentry: EPERM at load, kprobe: ENOENT at attach)".
void LogHooks(const base::Log& log, const std::vector<kernel::HookReport>& reports,
              bool pins_wanted);

}  // namespace oomtrail::cli
