// Events with random bytes in every name: whatever they are, the rules of event_invariants.h hold.
// Seeded, so that a failure comes again. tests/fuzz/event_output_fuzz.cc looks for more.
#include <gtest/gtest.h>

#include <cstddef>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "tests/unit/publish/event_invariants.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {
namespace {

// What plain random bytes would take long to hit.
constexpr std::string_view kPieces[] = {
    "\n",     "\x1b[31m",   "\\x1b",  "\\x5c",  "\\x20", "\\x2d", "\\",           " ",
    "\"",     "\u2028",     "\u202e", "\u0085", "\xff",  "\xc3",  "\xed\xa0\x80", "x",
    "\u00fc", "scope=node", "\x7f",   "/",
};

std::string RandomBytes(std::mt19937& random) {
  std::uniform_int_distribution<size_t> pick(0, 2 * std::size(kPieces));
  std::uniform_int_distribution<int> byte(0, 255);
  std::string bytes;
  while (bytes.size() < 400) {
    const size_t piece = pick(random);
    if (piece < std::size(kPieces)) {
      bytes += kPieces[piece];
    } else {
      bytes += static_cast<char>(byte(random));
    }
  }
  return bytes;
}

TEST(EventPropertyTest, RandomNamesBreakNoLine) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 4'000; ++round) {
    const model::Event event = EventMaker(RandomBytes(random)).Make();
    ASSERT_EQ(BrokenJsonRule(event), "") << "round " << round << ": " << ToJson(event);
    ASSERT_EQ(BrokenTextRule(event), "") << "round " << round << ": " << ToText(event);
    ASSERT_EQ(BrokenProtoRule(event), "") << "round " << round << ": " << ToJson(event);
  }
}

TEST(EventPropertyTest, TheSamplesKeepTheRules) {
  for (const Sample& sample : Samples()) {
    model::Event event = sample.event;
    // The rule about labels looks at one.
    if (event.pod) event.pod->labels = {{"app", "cart"}};
    EXPECT_EQ(BrokenJsonRule(event), "") << sample.name;
    EXPECT_EQ(BrokenTextRule(event), "") << sample.name;
  }
}

}  // namespace
}  // namespace oomtrail::publish
