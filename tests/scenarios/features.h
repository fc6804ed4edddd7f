// What the running kernel offers, read from its own BTF without the agent's help. A value.
//
// Decides what the agent can be expected to know: never derived from a version, for distributions
// backport.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace oomtrail::scenarios {

struct Features {
  std::string release;
  std::string lockdown;  // "none", "integrity", "confidentiality", "unknown" (no securityfs)
  bool mark_victim_task = false;  // the tracepoint hands over a task and has size fields, not a pid
  bool snprintf = false;          // bpf_snprintf: directory names without reading raw memory
  bool current_btf = false;       // bpf_get_current_task_btf
  bool rdonly_cast = false;       // bpf_rdonly_cast: counters without reading raw memory
  bool rss_direct = false;        // a process's RSS counters without reading raw memory
  bool perf_link = false;         // kprobe and tracepoint links can be pinned
  int cpus = 1;
  int cgroup_version = 2;  // of the memory controller's hierarchy

  // bpf_probe_read_kernel.
  bool probe_read() const { return lockdown != "confidentiality"; }
};

absl::StatusOr<Features> ReadFeatures();

}  // namespace oomtrail::scenarios
