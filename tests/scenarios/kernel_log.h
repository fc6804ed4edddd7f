// The truth: what the kernel itself says of its OOM kills in /dev/kmsg, from a point on.
//
// Owned and called by the runner's one thread. Written without a look at the agent's own decoder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::scenarios {

// The lines that begin with "… invoked oom-killer"; left out by the kernel when there are many.
struct LogHeader {
  std::string trigger_comm;  // raw bytes
  pid_t trigger_tid = 0;
  uint32_t gfp = 0;
  int32_t order = 0;
  std::string constraint;  // "memcg", "none", …
  std::string limit_path;  // oom_memcg=; empty where the OOM is global
  std::string victim_path;
  std::optional<uint64_t> usage_bytes;
  std::optional<uint64_t> limit_bytes;
};

// The line "… Killed process".
struct LogKill {
  pid_t tid = 0;
  std::string comm;  // raw bytes
  uint64_t total_vm_bytes = 0;
  uint64_t anon_bytes = 0;
  uint64_t file_bytes = 0;
  uint64_t shmem_bytes = 0;
  uint64_t page_table_bytes = 0;
  uid_t uid = 0;
  int oom_score_adj = 0;
  bool group_member = false;  // it follows "Tasks in … are going to be killed"
  std::optional<LogHeader> header;
};

class KernelLog {
 public:
  static absl::StatusOr<std::unique_ptr<KernelLog>> Open(Watch& watch);
  ~KernelLog();

  // Forgets what was read so far.
  void Clear();
  // The kill of this task; its first line where there are two.
  const LogKill* Find(pid_t tid) const;
  // Lines the kernel wrote over before they were read: then a kill may lack its truth.
  uint64_t overruns() const { return overruns_; }
  // OOMs that began, by their headers, since the start.
  uint64_t headers() const { return headers_; }

 private:
  KernelLog(Watch& watch, base::UniqueFd fd);
  void Drain();
  void Read(std::string_view record);
  void ReadText(const std::string& text);
  void ReadKill(std::string_view text);

  Watch& watch_;
  base::UniqueFd fd_;
  std::multimap<pid_t, LogKill> kills_;
  std::optional<LogHeader> header_;
  std::optional<pid_t> header_victim_;
  bool group_ = false;
  uint64_t overruns_ = 0;
  uint64_t headers_ = 0;
};

}  // namespace oomtrail::scenarios
