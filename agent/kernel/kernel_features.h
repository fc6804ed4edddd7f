// What the running kernel offers to our programs, probed once at start; never derived from a
// version.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace oomtrail::kernel {

// What mark_victim hands to a tp_btf program; it changed, and distributions backport.
enum class MarkVictimArgument { kTask, kPid };

struct KernelFeatures {
  bool btf = false;  // /sys/kernel/btf/vmlinux could be read: without it no program of ours loads
  std::string btf_error;
  bool snprintf = false;
  bool probe_read = false;
  bool rdonly_cast = false;
  bool current_btf = false;
  MarkVictimArgument mark_victim = MarkVictimArgument::kPid;
  uint32_t page_size = 4096;
  // What the kernel certainly refuses, learnt without loading an object for it: the errno of
  // loading an empty program, by section ("fentry/oom_kill_process"); and that nothing can attach a
  // kprobe.
  std::map<std::string, int> refused_loads;
  bool no_kprobes = false;
};

KernelFeatures ProbeKernelFeatures();

// What may stand in the way of BPF, for the start log and doctor. Absent: could not be read.
struct NodeSecurity {
  std::optional<std::string> lockdown;  // "none", "integrity", "confidentiality"
  std::optional<std::string> lsms;      // "lockdown,capability,bpf"
  bool privileged_for_bpf = false;      // CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN
  bool can_open_handles = false;        // CAP_DAC_READ_SEARCH
  bool tracefs_mounted = false;
  std::string kernel_release;
};

NodeSecurity ProbeNodeSecurity();

}  // namespace oomtrail::kernel
