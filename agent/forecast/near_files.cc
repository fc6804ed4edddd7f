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
  for (const NearQuestion& cgroup : cgroups) {
    if (!cgroup.near) {
      readings.push_back(ReadHeld(cgroup, Open(cgroup)));
      continue;
    }
    const auto [at, is_new] = held_.try_emplace(cgroup.id);
    if (is_new) at->second = Open(cgroup);
    at->second.call = call_;
    readings.push_back(ReadHeld(cgroup, at->second));
  }
  absl::erase_if(held_, [this](const auto& held) { return held.second.call != call_; });
}

NearFiles::Held NearFiles::Open(const NearQuestion& cgroup) const {
  Held held;
  held.stat = OpenFile(cgroup.path, "memory.stat");
  if (cgroup.near) held.limit_hits = OpenFile(cgroup.path, names_.limit_hits);
  return held;
}

NearReading NearFiles::ReadHeld(const NearQuestion& cgroup, const Held& held) {
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

base::UniqueFd NearFiles::OpenFile(std::string_view path, const char* file) const {
  const std::string name = base::StrCat(mount_.directory, path, "/", file);
  return base::UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace oomtrail::forecast
