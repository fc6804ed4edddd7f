// What was tried to hook the kernel and what the kernel answered. Values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/kernel_record.h"

namespace oomtrail::kernel {

// What we want to see in the kernel; each can be had by one or more methods.
enum class Hook { kVictim, kContext, kMemcgOom, kCgroups };
inline constexpr Hook kHooks[] = {Hook::kVictim, Hook::kContext, Hook::kMemcgOom, Hook::kCgroups};

// "victim", "context", "memcg_oom", "cgroups"
std::string_view Name(Hook hook);

// The kernel's own ENOTSUPP, which user space has no name for.
inline constexpr int kEnotsupp = 524;

// One method tried for one hook.
struct Attempt {
  model::HookMethod method;
  std::string target;  // "fentry/__oom_kill_process"
  std::string stage;   // where it ended: "load", "attach"
  int error = 0;       // errno; 0: it works
  std::string detail;  // the verifier's or libbpf's last word, where there is one
};

// "EPERM at load", or "works".
std::string Answer(const Attempt& attempt);

struct HookReport {
  Hook hook;
  std::optional<model::HookMethod> chosen;
  std::vector<Attempt> attempts;  // in order of preference
  // Links kept in bpffs. Empty: not asked for, or see pin_error.
  bool pinned = false;
  std::string pin_error;
};

}  // namespace oomtrail::kernel
