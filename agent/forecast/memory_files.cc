#include "agent/forecast/memory_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>

#include "agent/base/strings.h"

namespace oomtrail::forecast {
namespace {

constexpr MemoryFileNames kNames1 = {.usage = "memory.usage_in_bytes",
                                     .limit = "memory.limit_in_bytes",
                                     .limit_hits = "memory.failcnt",
                                     .limit_hits_key = "",
                                     .inactive_file_key = "total_inactive_file"};
constexpr MemoryFileNames kNames2 = {.usage = "memory.current",
                                     .limit = "memory.max",
                                     .limit_hits = "memory.events",
                                     .limit_hits_key = "max",
                                     .inactive_file_key = "inactive_file"};

// v1's "none" is the largest multiple of the page size in an int64_t.
constexpr uint64_t kNoLimit = uint64_t{1} << 62;

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace

const MemoryFileNames& MemoryFileNamesOf(int cgroup_version) {
  return cgroup_version == 1 ? kNames1 : kNames2;
}

std::optional<uint64_t> ParseCounter(std::string_view text) {
  uint64_t value = 0;
  if (!base::SimpleAtoi(base::StripSuffix(text, "\n"), &value)) return std::nullopt;
  return value;
}

std::optional<uint64_t> ParseLimit(std::string_view text) {
  if (base::StripSuffix(text, "\n") == "max") return kUnlimited;
  const auto value = ParseCounter(text);
  return value && *value >= kNoLimit ? kUnlimited : value;
}

std::optional<uint64_t> ParseKeyed(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    // A line without its end was cut: so may be its number.
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view line = text.substr(0, end);
    if (base::ConsumePrefix(&line, key) && base::ConsumePrefix(&line, " ")) {
      return ParseCounter(line);
    }
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<double> ParseStalledShare(std::string_view text) {
  std::string_view line = FirstLine(text);
  if (!base::ConsumePrefix(&line, "some avg10=")) return std::nullopt;
  line = line.substr(0, line.find(' '));
  double percent = 0;
  const auto [end, error] =
      std::from_chars(line.data(), line.data() + line.size(), percent, std::chars_format::fixed);
  constexpr double kWhole = 100;
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  if (!std::isfinite(percent) || percent < 0 || percent > kWhole) return std::nullopt;
  return percent / kWhole;
}

std::optional<Usage> ParseMeminfo(std::string_view text) {
  constexpr uint64_t kKib = 1024;
  std::optional<uint64_t> total;
  std::optional<uint64_t> available;
  for (std::string_view line : base::StrSplit(text, '\n')) {
    std::optional<uint64_t>* value = nullptr;
    if (base::ConsumePrefix(&line, "MemTotal:")) {
      value = &total;
    } else if (base::ConsumePrefix(&line, "MemAvailable:")) {
      value = &available;
    } else {
      continue;
    }
    if (!base::ConsumeSuffix(&line, " kB")) continue;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    uint64_t kib = 0;
    if (base::SimpleAtoi(line, &kib) && kib < kNoLimit / kKib) *value = kib * kKib;
  }
  if (!total || !available || *total == 0) return std::nullopt;
  return Usage{.usage_bytes = *total - std::min(*total, *available), .limit_bytes = total};
}

std::optional<std::string_view> Pread(const base::UniqueFd& fd, std::span<char> buffer) {
  ssize_t got = 0;
  do {
    got = ::pread(fd.get(), buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::nullopt;
  return std::string_view(buffer.data(), static_cast<size_t>(got));
}

}  // namespace oomtrail::forecast
