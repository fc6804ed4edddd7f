#include "agent/forecast/near_files.h"

#include <fcntl.h>

#include <utility>

#include "agent/base/strings.h"

namespace oomtrail::forecast {

NearFiles::NearFiles(resolve::CgroupMount mount)
    : mount_(std::move(mount)), names_(MemoryFileNamesOf(mount_.version)) {}

void NearFiles::Read(std::span<const NearQuestion> cgroups, std::vector<NearReading>& readings) {
  ++call_;
  readings.clear();
  for (const NearQuestion& cgroup : cgroups) readings.push_back(ReadOne(cgroup));
  absl::erase_if(held_, [this](const auto& held) { return held.second.call != call_; });
}

NearReading NearFiles::ReadOne(const NearQuestion& cgroup) {
  const auto [at, is_new] = held_.try_emplace(cgroup.id);
  Held& held = at->second;
  held.call = call_;
  if (is_new) {
    held.stat = Open(cgroup.path, "memory.stat");
    held.limit_hits = Open(cgroup.path, names_.limit_hits);
  }
  NearReading reading;
  if (cgroup.working_set && held.stat.ok()) {
    if (const auto text = Pread(held.stat, buffer_)) {
      reading.inactive_file_bytes = ParseKeyed(*text, names_.inactive_file_key);
    }
  }
  if (held.limit_hits.ok()) {
    if (const auto text = Pread(held.limit_hits, buffer_)) {
      const std::string_view key = names_.limit_hits_key;
      reading.limit_hits = key.empty() ? ParseCounter(*text) : ParseKeyed(*text, key);
    }
  }
  return reading;
}

base::UniqueFd NearFiles::Open(std::string_view path, const char* file) const {
  const std::string name = base::StrCat(mount_.directory, path, "/", file);
  return base::UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace oomtrail::forecast
