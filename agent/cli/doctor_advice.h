// What a kernel's refusal means and what can be done, in words. Pure.
//
// Says only what is known: where the cause cannot be told, it says that.
#pragma once

#include <string>
#include <vector>

#include "agent/kernel/hook_report.h"
#include "agent/kernel/kernel_features.h"

namespace oomtrail::cli {

// The kernel's answer with the cause: "EPERM at load: refused although privileged; lockdown is only
// integrity, …"
std::string Explain(const kernel::Attempt& attempt, const kernel::NodeSecurity& security);

// What these methods cannot tell, one line each; empty where nothing is missing.
std::vector<std::string> Costs(const std::vector<kernel::HookReport>& reports);

// How to get more, where it is in the user's hand; empty where it is not.
std::string Remedy(const kernel::NodeSecurity& security);

}  // namespace oomtrail::cli
