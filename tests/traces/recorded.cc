#include "tests/traces/recorded.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

namespace oomtrail::traces {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1000 * kSecond;

std::optional<Kind> KindOf(const std::string& word) {
  if (word == "leak") return Kind::kLeak;
  if (word == "benign") return Kind::kBenign;
  if (word == "calm") return Kind::kCalm;
  return std::nullopt;
}

// As the sampler does: every 5 s below half of the limit.
bool IsSampled(const std::vector<forecast::MemorySample>& samples, uint64_t boot_ns) {
  if (samples.empty()) return true;
  const forecast::MemorySample& last = samples.back();
  return last.usage_bytes > *last.limit_bytes / 2 || boot_ns - last.boot_ns >= 5 * kSecond;
}

std::optional<Trace> Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string kind;
  std::string end;
  uint64_t limit_kib = 0;
  if (!(file >> kind >> limit_kib >> end)) return std::nullopt;
  const std::optional<Kind> known = KindOf(kind);
  if (!known) return std::nullopt;
  Trace trace{.name = path.stem(), .kind = *known, .samples = {}, .killed_ns = {}};
  uint64_t boot_ns = kStart;
  uint64_t usage_kib = 0;
  uint64_t inactive_file_kib = 0;
  for (; file >> usage_kib >> inactive_file_kib; boot_ns += kSecond) {
    if (!IsSampled(trace.samples, boot_ns)) continue;
    trace.samples.push_back({.boot_ns = boot_ns,
                             .usage_bytes = usage_kib << 10,
                             .limit_bytes = limit_kib << 10,
                             .inactive_file_bytes = inactive_file_kib << 10});
  }
  if (end == "killed") trace.killed_ns = boot_ns;
  trace.growth_seconds = static_cast<double>(boot_ns - kStart) / 1e9;
  return trace;
}

}  // namespace

std::vector<Trace> ReadRecorded(const std::string& directory) {
  std::vector<Trace> traces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".txt") continue;
    std::optional<Trace> trace = Read(entry.path());
    if (!trace) return {};
    traces.push_back(*std::move(trace));
  }
  std::ranges::sort(traces, {}, &Trace::name);
  return traces;
}

}  // namespace oomtrail::traces
