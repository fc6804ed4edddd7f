// What one kernel record says, checked and in user-space units. Values; made by decode.
//
// Kernel vocabulary: the victim is the process that was killed, the trigger the task whose
// allocation (or write to memory.max) began the OOM. They need not share a cgroup.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/model/ids.h"

namespace oomtrail::model {

// How a hook is attached, best first. kKmsg reads the kernel log instead.
enum class HookMethod { kFentry, kKprobe, kTpBtf, kTracepoint, kKmsg };
std::string_view Name(HookMethod method);

enum class Constraint { kNone, kCpuset, kMempolicy, kMemcg };
std::string_view Name(Constraint constraint);

// One process's memory as the kernel's own log line counts it.
struct ProcessMemory {
  std::optional<uint64_t> anon_rss_bytes;
  std::optional<uint64_t> file_rss_bytes;
  std::optional<uint64_t> shmem_rss_bytes;
  std::optional<uint64_t> page_table_bytes;
  std::optional<uint64_t> total_vm_bytes;

  bool operator==(const ProcessMemory&) const = default;
};

struct Victim {
  uint32_t pid = 0;  // thread group id
  std::optional<uint32_t> tid;
  std::string comm;  // of the thread group leader; raw bytes, escape before output
  std::optional<uint32_t> uid;
  std::optional<int32_t> oom_score_adj;
  std::optional<uint64_t> start_boot_ns;  // of the thread group leader
  ProcessMemory memory;
};

struct Trigger {
  uint32_t pid = 0;  // thread group id
  uint32_t tid = 0;
  std::string comm;  // raw bytes
  CgroupId memcg;    // unknown where the method cannot read it
};

// One memory cgroup on the way from a process up to the root.
struct MemcgLevel {
  CgroupId id;
  std::string name;  // directory name, raw bytes; empty for the root or where not readable
  bool oom_group = false;
  std::optional<uint64_t> usage_bytes;
  std::optional<uint64_t> limit_bytes;  // absent: unlimited, or (without usage) not readable
  // v2: the swap counter; v1: memory+swap.
  std::optional<uint64_t> swap_usage_bytes;
  std::optional<uint64_t> swap_limit_bytes;
  // The level's own (not hierarchical) event counters, v1 and v2 alike.
  std::optional<uint64_t> oom_count;
  std::optional<uint64_t> oom_kill_count;
};

// The way up: [0] is the process's own memory cgroup.
struct MemcgChain {
  std::vector<MemcgLevel> levels;
  uint32_t hierarchy = 0;  // 0: cgroup v2
  bool complete = false;   // reaches the root
  bool named = false;      // every level but the root has its name

  // "/a/b/c" from the names; empty unless complete and named.
  std::string Path(size_t from_level = 0) const;
};

// What is known of the OOM itself: oom_control from the context hook, or the kernel log's header.
struct OomContext {
  Constraint constraint = Constraint::kNone;
  std::optional<int32_t> order;  // -1: sysrq-f
  std::optional<uint32_t> gfp;
  std::optional<uint64_t> total_pages;  // the allowance of the OOM domain, not anybody's size
  CgroupId limit_memcg;                 // unknown: global OOM, or kmsg (see Kill::limit_path)
  std::optional<uint64_t> limit_usage_bytes;
  std::optional<uint64_t> limit_bytes;
  uint64_t sequence = 0;  // of the OOM, the same for all victims of a group kill
};

// Which hook saw it, and how it is attached.
struct HookSource {
  std::string name;
  HookMethod method = HookMethod::kKmsg;
};

// One pass of the victim hook.
struct Kill {
  HookSource hook;
  uint64_t boot_ns = 0;
  Victim victim;
  std::optional<Trigger> trigger;
  std::optional<OomContext> oom;
  MemcgChain memcg;
  // Full path of the victim's cgroup where no id is known (tracepoint on old kernels, kmsg).
  std::string memcg_path;
  // kmsg only: oom_memcg= of the log's header line.
  std::string limit_path;
  // The hook may also fire for a process that was already dying: true if the victim's local
  // oom_kill count must prove the kill.
  bool needs_proof = false;
  // kmsg only: from the log's clock, which boot_ns is of, to CLOCK_BOOTTIME. Ids leave it out: it
  // is estimated.
  int64_t clock_offset_ns = 0;
  // kmsg only: the log said that the whole oom.group goes.
  bool group_announced = false;
};

// A memory cgroup went out of memory and nothing was killed.
struct OomWithoutKill {
  HookSource hook;
  uint64_t boot_ns = 0;
  Trigger trigger;
  MemcgChain memcg;  // [0] is the one whose limit was hit
  int32_t order = 0;
  uint32_t gfp = 0;
  uint64_t suppressed = 0;  // like ones of the same memcg left out since the last record
};

// A memory cgroup's directory was made, removed or renamed.
struct CgroupChange {
  enum class Kind { kMade, kRemoved, kRenamed };
  Kind kind = Kind::kMade;
  CgroupId id;
  CgroupId parent;
  std::string name;  // raw bytes; empty where not readable
};

using KernelRecord = std::variant<Kill, OomWithoutKill, CgroupChange>;

}  // namespace oomtrail::model
