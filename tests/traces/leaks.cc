// Programs that end in a kill.
#include <algorithm>
#include <cmath>
#include <memory>

#include "tests/traces/generators.h"
#include "tests/traces/teeth.h"

namespace oomtrail::traces {
namespace {

constexpr double kForever = 4 * 3600;  // until the kill

// Grows from `base` to the limit in `fill` seconds, after it was idle for `idle` seconds.
Program Linear(double base, double fill, double idle) {
  return {.seconds = kForever, .growth_from = idle, .memory = [=](double now) {
            return Memory{.used = base + (1 - base) * std::max(0.0, now - idle) / fill};
          }};
}

Program LinearFast(Random& random) {
  return Linear(random.Uniform(0.03, 0.4), random.LogUniform(30, 300), 0);
}

Program LinearSlow(Random& random) {
  return Linear(random.Uniform(0.03, 0.6), random.LogUniform(300, 7200), 0);
}

Program AfterIdling(Random& random) {
  return Linear(random.Uniform(0.1, 0.7), random.LogUniform(30, 1200), random.LogUniform(60, 1800));
}

// A start that takes most of the memory within seconds, and then a slow leak.
Program AfterAStart(Random& random) {
  const double base = random.Uniform(0.4, 0.85);
  const double start = random.Uniform(2, 20);
  const double idle = start + random.LogUniform(5, 300);
  const double fill = random.LogUniform(60, 3600);
  return {.seconds = kForever, .growth_from = idle, .memory = [=](double now) {
            const double leaked = (1 - base) * std::max(0.0, now - idle) / fill;
            return Memory{.used = base * std::min(1.0, now / start) + leaked};
          }};
}

Program Exponential(Random& random) {
  const double base = random.Uniform(0.02, 0.2);
  const double doubling = random.LogUniform(10, 600);
  const double flat = random.Uniform(0, 0.2);
  return {.seconds = kForever, .memory = [=](double now) {
            return Memory{.used = flat + base * std::exp2(now / doubling)};
          }};
}

Program UnderTeeth(Random& random) {
  const double base = random.Uniform(0.05, 0.3);
  const double fill = random.LogUniform(120, 3600);
  const auto teeth = std::make_shared<Teeth>(random);
  return {.seconds = kForever, .memory = [=](double now) {
            return Memory{.used = base + (1 - base) * now / fill + teeth->At(now)};
          }};
}

Program UnderCache(Random& random) {
  Program program = Linear(random.Uniform(0.03, 0.4), random.LogUniform(45, 1800), 0);
  const double warm_up = random.LogUniform(5, 300);
  program.memory = [leak = program.memory, warm_up](double now) {
    return Memory{.used = leak(now).used, .cache = now / warm_up};
  };
  return program;
}

Program ForkBomb(Random& random) {
  const double base = random.Uniform(0.05, 0.3);
  const double calm = random.Uniform(20, 120);
  const double fill = random.LogUniform(5, 60);
  const double power = random.Uniform(1, 2);
  return {.seconds = kForever, .growth_from = calm, .memory = [=](double now) {
            const double share = std::max(0.0, now - calm) / fill;
            return Memory{.used = base + (1 - base) * std::pow(share, power)};
          }};
}

// A writer that now and then waits.
Program TmpfsFill(Random& random) {
  const double base = random.Uniform(0.02, 0.2);
  const double fill = random.LogUniform(30, 600);
  const double phase = random.Uniform(0, 6);
  const double waves = random.Uniform(3, 12);
  return {.seconds = kForever, .memory = [=](double now) {
            const double angle = waves * 2 * 3.14159265 * now / fill;
            const double wave = (std::sin(angle + phase) - std::sin(phase)) * 0.7 / (waves * 6.3);
            return Memory{.used = base + (1 - base) * (now / fill + wave)};
          }};
}

// A step each minute or so, each of another size.
Program Stairs(Random& random) {
  struct State {
    Random random;
    double level;
    double next;
  };
  const double step = random.Uniform(0.03, 0.12);
  const double period = random.Uniform(20, 90);
  const auto state = std::make_shared<State>(
      State{Random(static_cast<uint64_t>(random.Uniform(0, 1e15))), random.Uniform(0.05, 0.4), 0});
  return {.seconds = kForever, .memory = [=](double now) {
            if (now >= state->next) {
              state->next = now + period * state->random.Uniform(0.8, 1.2);
              state->level += step * state->random.Uniform(0.5, 1.5);
            }
            return Memory{.used = state->level};
          }};
}

// Someone gives it more while it leaks.
Program LimitRaised(Random& random) {
  Program program = Linear(random.Uniform(0.03, 0.4), random.LogUniform(60, 1800), 0);
  const double raised_to = random.Uniform(1.3, 3);
  for (double now = 0; now < kForever; ++now) {
    if (program.memory(now).used < 0.8) continue;
    program.limit_raised_at = now - random.Uniform(0, now / 3);
    break;
  }
  program.limit_raised_to = raised_to;
  return program;
}

constexpr Generator kLeaks[] = {
    {"linear, 30 s to 5 min", Kind::kLeak, LinearFast},
    {"linear, 5 min to 2 h", Kind::kLeak, LinearSlow},
    {"linear, after idling", Kind::kLeak, AfterIdling},
    {"linear, after a start", Kind::kLeak, AfterAStart},
    {"exponential", Kind::kLeak, Exponential},
    {"under a collector's teeth", Kind::kLeak, UnderTeeth},
    {"under page cache", Kind::kLeak, UnderCache},
    {"fork bomb", Kind::kLeak, ForkBomb},
    {"tmpfs fill", Kind::kLeak, TmpfsFill},
    {"stairs", Kind::kLeak, Stairs},
    {"limit raised in mid-leak", Kind::kLeak, LimitRaised},
};

}  // namespace

std::span<const Generator> Leaks() { return kLeaks; }

}  // namespace oomtrail::traces
