// What the kernel's memory files say: counters, limits, statistics, stalls. Pure but for Pread();
// whatever a file holds, nothing worse comes of it than "not known".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/base/unique_fd.h"
#include "agent/forecast/usage_reader.h"

namespace oomtrail::forecast {

// The files of a cgroup, which cgroup v1 names otherwise.
struct MemoryFileNames {
  const char* usage;
  const char* limit;
  const char* limit_hits;         // how often the limit was met …
  const char* limit_hits_key;     // … by this line of it; empty: by the file's only number
  const char* inactive_file_key;  // in memory.stat, with those below it
};
const MemoryFileNames& MemoryFileNamesOf(int cgroup_version);

// "123\n".
std::optional<uint64_t> ParseCounter(std::string_view text);

// "123\n", or kUnlimited for "max" and, on v1, for a number that no machine's memory reaches.
inline constexpr uint64_t kUnlimited = UINT64_MAX;
std::optional<uint64_t> ParseLimit(std::string_view text);

// The number in the line "<key> 123".
std::optional<uint64_t> ParseKeyed(std::string_view text, std::string_view key);

// "some avg10=1.23 avg60=…" as a share of 1.
std::optional<double> ParseStalledShare(std::string_view text);

// Of <proc-root>/meminfo: what is in use (total less available) of the node's memory.
std::optional<Usage> ParseMeminfo(std::string_view text);

// The file's content from its beginning, at most what `buffer` holds: a longer one is cut. One
// read: the kernel hands such a file out whole, and makes it anew at each read. Absent where it
// cannot be read, which for a held file of a cgroup means that it is gone.
std::optional<std::string_view> Pread(const base::UniqueFd& fd, std::span<char> buffer);

}  // namespace oomtrail::forecast
