#include "agent/forecast/cgroup_files_reader.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/strings.h"

namespace oomtrail::forecast {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kRarely = 30 * kSecond;
constexpr uint64_t kNearRarely = 5 * kSecond;
constexpr double kNearShare = 0.7;

size_t HalfOfTheDescriptors() {
  constexpr size_t kMost = 4096;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return std::min<size_t>(limit.rlim_cur / 2, kMost);
}

// So that limits first read in the same pass are not all read again in the same pass.
uint64_t Stagger(model::CgroupId id, uint64_t interval) {
  constexpr uint64_t kPart = 8;
  return (id.value * kSecond / kPart) % (interval / kPart);
}

}  // namespace

CgroupFilesReader::CgroupFilesReader(resolve::CgroupMount mount)
    : CgroupFilesReader(std::move(mount), HalfOfTheDescriptors()) {}

CgroupFilesReader::CgroupFilesReader(resolve::CgroupMount mount, size_t max_held)
    : mount_(std::move(mount)), names_(MemoryFileNamesOf(mount_.version)), max_held_(max_held) {}

absl::Status CgroupFilesReader::Read(uint64_t boot_ns, std::span<const UsageQuestion> cgroups,
                                     std::vector<std::optional<Usage>>& usages) {
  usages.assign(cgroups.size(), std::nullopt);
  for (size_t i = 0; i < cgroups.size(); ++i) usages[i] = ReadOne(boot_ns, cgroups[i]);
  return absl::OkStatus();
}

std::optional<Usage> CgroupFilesReader::ReadOne(uint64_t boot_ns, const UsageQuestion& cgroup) {
  const auto [at, is_new] = known_.try_emplace(cgroup.id);
  Known& known = at->second;
  if (is_new) known.first_ns = boot_ns;
  const auto usage_bytes = ReadUsage(cgroup, known);
  if (!usage_bytes || !ReadLimit(boot_ns, cgroup, *usage_bytes, known)) {
    Forget(cgroup.id);
    return std::nullopt;
  }
  return Usage{.usage_bytes = *usage_bytes, .limit_bytes = known.limit_bytes};
}

std::optional<uint64_t> CgroupFilesReader::ReadUsage(const UsageQuestion& cgroup, Known& known) {
  std::array<char, 64> buffer{};
  std::optional<std::string_view> text;
  if (known.usage.ok()) {
    text = Pread(known.usage, buffer);
  } else {
    base::UniqueFd file = Open(cgroup.path, names_.usage);
    if (!file.ok()) return std::nullopt;
    text = Pread(file, buffer);
    if (cgroup.often && held_ < max_held_) {
      known.usage = std::move(file);
      ++held_;
    }
  }
  return text ? ParseCounter(*text) : std::nullopt;
}

// False where it cannot be told.
bool CgroupFilesReader::ReadLimit(uint64_t boot_ns, const UsageQuestion& cgroup,
                                  uint64_t usage_bytes, Known& known) {
  const bool exceeded = known.limit_bytes && usage_bytes > *known.limit_bytes;
  if (boot_ns < known.limit_due_ns && !exceeded) return true;
  const base::UniqueFd file = Open(cgroup.path, names_.limit);
  std::array<char, 64> buffer{};
  const auto text = file.ok() ? Pread(file, buffer) : std::nullopt;
  const auto limit = text ? ParseLimit(*text) : std::nullopt;
  if (!limit) return false;
  known.limit_bytes = *limit == kUnlimited ? std::nullopt : limit;
  const bool near = known.limit_bytes && static_cast<double>(usage_bytes) >
                                             kNearShare * static_cast<double>(*known.limit_bytes);
  const uint64_t interval =
      std::clamp(boot_ns - known.first_ns, kSecond, near ? kNearRarely : kRarely);
  known.limit_due_ns = boot_ns + interval - Stagger(cgroup.id, interval);
  return true;
}

base::UniqueFd CgroupFilesReader::Open(std::string_view path, const char* file) const {
  const std::string name = base::StrCat(mount_.directory, path, "/", file);
  return base::UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
}

void CgroupFilesReader::Forget(model::CgroupId id) {
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  if (found->second.usage.ok()) --held_;
  known_.erase(found);
}

}  // namespace oomtrail::forecast
