#include "tests/traces/program.h"

#include <algorithm>
#include <cmath>

namespace oomtrail::traces {
namespace {

constexpr double kStep = 0.1;  // seconds
constexpr double kStock = 64 * 4096;
constexpr uint64_t kBootNs = 1'000'000'000'000;

uint64_t BootNs(double seconds) { return kBootNs + static_cast<uint64_t>(seconds * 1e9); }

double Stocks(int cpus, Random& random) {
  double bytes = 0;
  for (int cpu = 0; cpu < cpus; ++cpu) bytes += random.Uniform(0, kStock);
  return bytes;
}

}  // namespace

Trace SampleOf(const Program& program, Random& random) {
  Trace trace{.name = program.name, .kind = program.kind, .samples = {}, .killed_ns = {}};
  const double first_limit = std::floor(random.LogUniform(128, 16384)) * (1 << 20);
  const int cpus = static_cast<int>(random.Uniform(2, 16));
  double next_sample = random.Uniform(0, 5);
  for (double now = 0; now < program.seconds; now += kStep) {
    const double limit =
        first_limit * (now >= program.limit_raised_at ? program.limit_raised_to : 1);
    const Memory memory = program.memory(now);
    const double used = memory.used * first_limit;
    if (used >= limit) {
      trace.killed_ns = BootNs(now);
      trace.growth_seconds = now - program.growth_from;
      break;
    }
    if (now < next_sample) continue;
    const double cache = std::min(memory.cache * first_limit, limit - used);
    const double usage = std::min(limit, used + cache + Stocks(cpus, random));
    forecast::MemorySample sample{.boot_ns = BootNs(now),
                                  .usage_bytes = static_cast<uint64_t>(usage),
                                  .limit_bytes = static_cast<uint64_t>(limit),
                                  .inactive_file_bytes = {}};
    if (!random.Chance(0.03)) sample.inactive_file_bytes = static_cast<uint64_t>(cache);
    trace.samples.push_back(sample);
    next_sample = now + (usage > limit / 2 ? 1 : 5) * random.Uniform(0.95, 1.05);
    if (random.Chance(0.01)) next_sample += random.Uniform(0, 2);
  }
  return trace;
}

}  // namespace oomtrail::traces
