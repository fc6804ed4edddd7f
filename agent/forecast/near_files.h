// What is read of the few cgroups near their limit: how much of it reclaim can simply drop, and
// whether the limit is being met already.
//
// memory.stat is dear (9 µs, ten times a usage file), so it is read only where it is asked for; who
// asks bounds how often. Owned and called by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/base/unique_fd.h"
#include "agent/forecast/memory_files.h"
#include "agent/model/ids.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::forecast {

struct NearQuestion {
  model::CgroupId id;
  std::string_view path;  // lives as long as the call
  bool near = true;       // to be watched: its files are held open; else read this once
  bool working_set = false;
};

struct NearReading {
  std::optional<uint64_t> inactive_file_bytes;  // absent: not asked for, or not to be had
  std::optional<uint64_t> limit_hits;   // since the cgroup was made (v1: all of them, v2: max)
  std::optional<double> stalled_share;  // see PressureWatch
};

class NearFiles {
 public:
  explicit NearFiles(resolve::CgroupMount mount);

  // The files of those that are near are held open until they are no longer among them.
  void Read(std::span<const NearQuestion> cgroups, std::vector<NearReading>& readings);

  size_t held() const { return held_.size(); }

 private:
  struct Held {
    base::UniqueFd stat;
    base::UniqueFd limit_hits;
    uint64_t call = 0;  // the last that asked
  };

  Held Open(const NearQuestion& cgroup) const;
  NearReading ReadHeld(const NearQuestion& cgroup, const Held& held);
  base::UniqueFd OpenFile(std::string_view path, const char* file) const;

  const resolve::CgroupMount mount_;
  const MemoryFileNames& names_;
  absl::flat_hash_map<model::CgroupId, Held> held_;
  uint64_t call_ = 0;
  std::array<char, 8192> buffer_{};  // memory.stat takes about 2 KiB
};

}  // namespace oomtrail::forecast
