// The trace library through the forecast: how many leaks are warned of in time, and how many
// warnings are true. Of the seeds it was made with, and of others.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/traces/generators.h"
#include "tests/traces/recorded.h"
#include "tests/traces/replay.h"

namespace oomtrail::traces {
namespace {

constexpr uint64_t kSeeds = 40;

struct Range {
  std::string name;
  uint64_t first_seed;
};

void PrintTo(const Range& range, std::ostream* out) { *out << range.name; }

class TracesTest : public ::testing::TestWithParam<Range> {
 protected:
  static Score ScoreOf(const Generator& generator) {
    Score score{.name = std::string(generator.name)};
    for (uint64_t i = 0; i < kSeeds; ++i) {
      const Trace trace = Generate(generator, GetParam().first_seed + i);
      score.Add(trace, Replay(trace));
    }
    return score;
  }
};

TEST_P(TracesTest, AreWarnedOfInTimeAndTruly) {
  Score all;
  for (const std::span<const Generator> generators : {Leaks(), Benign()}) {
    for (const Generator& generator : generators) all.Add(ScoreOf(generator));
  }
  EXPECT_GE(all.precision(), 0.9);
  EXPECT_GE(all.recall(), 0.9);
  EXPECT_GE(all.lead_quantile(0.5), 30);
  EXPECT_LE(all.lead_quantile(0.5), 120);
}

TEST_P(TracesTest, AreNotWarnedOfWhenNothingIsComing) {
  for (const Generator& generator : Benign()) {
    if (generator.kind != Kind::kCalm) continue;
    EXPECT_EQ(ScoreOf(generator).warned, 0) << generator.name;
  }
}

TEST_P(TracesTest, EndAsTheirKindSays) {
  for (const std::span<const Generator> generators : {Leaks(), Benign()}) {
    for (const Generator& generator : generators) {
      const Trace trace = Generate(generator, GetParam().first_seed);
      EXPECT_EQ(trace.killed_ns.has_value(), generator.kind == Kind::kLeak) << generator.name;
      EXPECT_GT(trace.samples.size(), 5U) << generator.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TracesTest,
                         ::testing::Values(Range{"Known", 0}, Range{"HeldOut", kHeldOutSeeds}),
                         [](const auto& range) { return range.param.name; });

TEST(Traces, OfRealProgramsAreWarnedOfInTimeAndTruly) {
  const auto traces = ReadRecorded(OOMTRAIL_SOURCE_DIR "/tests/fixtures/memory_traces");
  ASSERT_GE(traces.size(), 10U);
  for (const Trace& trace : traces) {
    const Outcome outcome = Replay(trace);
    EXPECT_EQ(trace.killed_ns.has_value(), trace.kind == Kind::kLeak) << trace.name;
    if (trace.kind == Kind::kLeak) {
      EXPECT_GE(outcome.lead_seconds.value_or(0), kWantedLeadSeconds) << trace.name;
      EXPECT_EQ(outcome.warnings.size(), 1U) << trace.name;
    } else if (trace.kind == Kind::kCalm) {
      EXPECT_EQ(outcome.warnings.size(), 0U) << trace.name;
    }
  }
}

TEST(Traces, AreTheSameForTheSameSeed) {
  const Trace one = Generate(Leaks()[0], 7);
  const Trace same = Generate(Leaks()[0], 7);
  const Trace other = Generate(Leaks()[0], 8);
  ASSERT_EQ(one.samples.size(), same.samples.size());
  EXPECT_EQ(one.killed_ns, same.killed_ns);
  EXPECT_EQ(one.samples.back().usage_bytes, same.samples.back().usage_bytes);
  EXPECT_NE(one.samples.back().usage_bytes, other.samples.back().usage_bytes);
}

}  // namespace
}  // namespace oomtrail::traces
