#include "agent/kernel/hook_report.h"

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::kernel {

std::string_view Name(Hook hook) {
  switch (hook) {
    case Hook::kVictim: return "victim";
    case Hook::kContext: return "context";
    case Hook::kMemcgOom: return "memcg_oom";
    case Hook::kCgroups: return "cgroups";
  }
  return "";
}

std::string Answer(const Attempt& attempt) {
  if (attempt.error == 0) return "works";
  return base::StrCat(attempt.error == kEnotsupp ? "ENOTSUPP" : base::ErrnoName(attempt.error),
                      " at ", attempt.stage);
}

}  // namespace oomtrail::kernel
