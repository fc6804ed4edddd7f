// What /proc says of a process that is being killed: for records that have only its thread id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::resolve {

struct ProcFacts {
  uint32_t tgid = 0;
  std::string comm;            // of the thread group leader
  std::string thread_comm;     // of the thread itself
  uint64_t start_boot_ns = 0;  // of the thread itself, rounded down to 10 ms
  std::string memcg_path;  // empty where it is not told: v1 shows "/" for a task that is exiting
};

// Absent once the thread is gone.
std::optional<ProcFacts> ReadProcFacts(const std::string& proc_root, const CgroupMount& mount,
                                       uint32_t tid);

}  // namespace oomtrail::resolve
