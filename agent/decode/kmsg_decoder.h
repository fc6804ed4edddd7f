// The kernel log's OOM lines to model values: what is left where no program can be attached.
//
// Owned and called by one thread. The kernel prints, under oom_lock, for each OOM:
//
//   <comm> invoked oom-killer: gfp_mask=0x…(…), order=0, …          \ rate-limited together:
//   memory: usage 32768kB, limit 32768kB, failcnt 23                 | may all be missing
//   oom-kill:constraint=…,oom_memcg=/a,task_memcg=/a/b,task=…,pid=…  /
//   Memory cgroup out of memory: Killed process 4312 (java) total-vm:…kB, …    never left out
//   Tasks in /a are going to be killed due to memory.oom.group set
//   Memory cgroup out of memory: Killed process …                   a member each
//
// comm and cgroup names in them are chosen by whoever is being killed: a line that can be read in
// two ways gives no names rather than wrong ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/model/kernel_record.h"

namespace oomtrail::decode {

class KmsgDecoder {
 public:
  // `record` is one read of /dev/kmsg. A kill where it completes one. Lines that a process wrote to
  // the log itself (facility other than kernel) are never believed.
  std::optional<model::Kill> Feed(std::string_view record);

 private:
  // What the lines of one OOM have said so far.
  struct Oom {
    model::OomContext context;
    bool known = false;  // the context holds more than the time
    // Of the "oom-kill:" line: who is to die, 0 once that has happened, for pids come round again;
    // and the line from "constraint=" on, without the pid.
    uint32_t header_pid = 0;
    uint64_t header_ns = 0;
    std::string header;
    std::optional<uint64_t> group_ns;  // of the announcement, or of the member killed last
  };

  void Begin(std::string_view text);
  void ReadUsage(std::string_view text);
  void ReadHeader(std::string_view text, uint64_t boot_ns);
  std::optional<model::Kill> ReadKill(std::string_view text, uint64_t boot_ns);
  bool InGroup(uint64_t boot_ns) const;
  void AddContext(model::Kill& kill, bool memcg);
  void AddPaths(model::Kill& kill) const;

  Oom oom_;
  uint64_t stamp_ = 0;  // of the record in hand: its time, made unique
};

}  // namespace oomtrail::decode
