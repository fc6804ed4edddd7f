// Programs that use much memory and are never killed.
#include <algorithm>
#include <cmath>
#include <memory>

#include "tests/traces/generators.h"
#include "tests/traces/teeth.h"

namespace oomtrail::traces {
namespace {

constexpr double kHalfAnHour = 1800;

// Fills up quickly, then ever slower.
double Saturating(double now, double time) { return 1 - std::exp(-now / time); }

Program StableTeeth(Random& random) {
  const auto teeth = std::make_shared<Teeth>(random);
  const double peak = random.Uniform(0.4, 0.85);
  const double floor = std::max(0.05, peak - teeth->height());
  const double warm_up = random.LogUniform(5, 60);
  return {.seconds = kHalfAnHour, .memory = [=](double now) {
            return Memory{.used = floor * Saturating(now, warm_up) + teeth->At(now)};
          }};
}

// A heap that grows up to its size: 60 to 97 % of the limit.
Program HeapPlateau(Random& random) {
  const double size = random.Uniform(0.6, 0.97);
  const double time = random.LogUniform(10, 300);
  const double base = random.Uniform(0.03, 0.2);
  const double ripple = random.Uniform(0, 0.004);
  return {.seconds = kHalfAnHour, .memory = [=](double now) {
            const double wave = ripple * std::sin(now * 1.7);
            return Memory{.used = base + (size - base) * Saturating(now, time) + wave};
          }};
}

Program CacheWarmUp(Random& random) {
  const double used = random.Uniform(0.05, 0.5);
  const double fill = random.LogUniform(5, 1200);
  const double used_time = random.LogUniform(1, 30);
  return {.seconds = kHalfAnHour, .memory = [=](double now) {
            return Memory{.used = used * Saturating(now, used_time), .cache = now / fill};
          }};
}

Program Idle(Random& random) {
  const double used = random.Uniform(0.05, 0.97);
  const double ripple = random.Uniform(0, 0.003);
  const double period = random.LogUniform(2, 300);
  return {.seconds = kHalfAnHour, .memory = [=](double now) {
            return Memory{.used = used + ripple * std::sin(6.28 * now / period)};
          }};
}

struct Burst {
  double rise;
  double hold;
  double fall;

  double At(double now) const {
    if (now < 0) return 0;
    if (now < rise) return now / rise;
    if (now < rise + hold) return 1;
    return std::max(0.0, 1 - (now - rise - hold) / fall);
  }
};

Burst MakeBurst(Random& random) {
  return {.rise = random.LogUniform(1, 12),
          .hold = random.LogUniform(1, 60),
          .fall = random.LogUniform(0.5, 10)};
}

Program SingleBurst(Random& random) {
  const double base = random.Uniform(0.05, 0.5);
  const double height = random.Uniform(0.2, 0.95 - base);
  const double begin = random.Uniform(10, 600);
  const Burst burst = MakeBurst(random);
  return {.seconds = kHalfAnHour / 2, .memory = [=](double now) {
            return Memory{.used = base + height * burst.At(now - begin)};
          }};
}

Program PeriodicBursts(Random& random) {
  const double base = random.Uniform(0.05, 0.4);
  const double height = random.Uniform(0.2, 0.95 - base);
  const Burst burst = MakeBurst(random);
  const double period = burst.rise + burst.hold + burst.fall + random.LogUniform(5, 240);
  return {.seconds = kHalfAnHour, .memory = [=](double now) {
            return Memory{.used = base + height * burst.At(std::fmod(now, period))};
          }};
}

// Loads what it needs at an even pace, and then has it.
Program SlowStart(Random& random) {
  const double size = random.Uniform(0.3, 0.85);
  const double load = random.LogUniform(60, 1200);
  return {.seconds = kHalfAnHour, .memory = [=](double now) {
            return Memory{.used = 0.03 + (size - 0.03) * std::min(1.0, now / load)};
          }};
}

// Follows a load that comes and goes.
Program Tide(Random& random) {
  const double low = random.Uniform(0.1, 0.4);
  const double high = random.Uniform(0.5, 0.92);
  const double period = random.LogUniform(240, 3600);
  const double phase = random.Uniform(0, 6.28);
  return {.seconds = 2 * kHalfAnHour, .memory = [=](double now) {
            const double share = 0.5 + 0.5 * std::sin(6.28 * now / period + phase);
            return Memory{.used = low + (high - low) * share};
          }};
}

constexpr Generator kBenign[] = {
    {"collector's teeth", Kind::kCalm, StableTeeth},
    {"heap to its size", Kind::kCalm, HeapPlateau},
    {"page cache warms up", Kind::kCalm, CacheWarmUp},
    {"idle with noise", Kind::kCalm, Idle},
    {"single burst", Kind::kBenign, SingleBurst},
    {"periodic bursts", Kind::kBenign, PeriodicBursts},
    {"slow start, then flat", Kind::kBenign, SlowStart},
    {"tide", Kind::kBenign, Tide},
};

}  // namespace

std::span<const Generator> Benign() { return kBenign; }

Trace Generate(const Generator& generator, uint64_t seed) {
  Random random(seed);
  Program program = generator.make(random);
  program.name = generator.name;
  program.kind = generator.kind;
  return SampleOf(program, random);
}

}  // namespace oomtrail::traces
