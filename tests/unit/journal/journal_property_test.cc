// Any interleaving of appending, reading, compacting and reopening against a plain list.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "tests/unit/journal/journal_fixture.h"

namespace oomtrail::journal {
namespace {

class JournalPropertyTest : public JournalTest, public ::testing::WithParamInterface<uint32_t> {};

TEST_P(JournalPropertyTest, BehavesAsAListThatForgetsItsBeginning) {
  std::mt19937 random(GetParam());
  options_.max_bytes = 256 << 10;
  auto journal = Open();
  std::vector<std::string> model;  // [i] has sequence i + 1
  std::vector<std::pair<Position, uint64_t>> places;
  uint64_t saved = 0;
  for (int step = 0; step < 300; ++step) {
    switch (random() % 10) {
      case 0:
        journal.reset();
        journal = Open();
        break;
      case 1: ASSERT_TRUE(journal->Flush().ok()); break;
      case 2:
        saved = journal->head();
        journal->SaveCursor("reader", saved);
        break;
      case 3: {  // told before
        const uint64_t held =
            model.size() + 1 - std::min(journal->state().oldest, model.size() + 1);
        if (held == 0) break;
        const std::string& id = model[model.size() - 1 - random() % held / 2];
        ASSERT_FALSE(journal->Append(MakeEntry(id)).has_value()) << id;
        break;
      }
      default:
        for (auto i = random() % 40; i > 0; --i) {
          model.push_back(base::StrCat("e", model.size() + 1));
          ASSERT_EQ(journal->Append(MakeEntry(model.back(), random() % 3'000)), model.size());
        }
        places.emplace_back(journal->PositionOf(model.size()), model.size());
    }
    ASSERT_EQ(journal->head(), model.size());
    const uint64_t from = random() % (model.size() + 1);
    const Everything all = ReadAll(*journal, from, 1 + random() % 50);
    ASSERT_EQ(all.entries.size() + all.lost, model.size() - from);
    for (const Entry& entry : all.entries) {
      ASSERT_EQ(entry.id, model[entry.sequence - 1]);
      ASSERT_GT(entry.sequence, from);
    }
    // Only what the writer has let go meanwhile may be missing.
    if (all.lost != 0) {
      ASSERT_TRUE(journal->Flush().ok());
      ASSERT_LE(from + all.lost, journal->state().oldest - 1);
    }
  }
  ASSERT_TRUE(journal->Flush().ok());
  for (const auto& [place, sequence] : places) {
    const auto resolved = journal->Resolve(place);
    if (sequence + 1 >= journal->state().oldest) {
      ASSERT_TRUE(resolved.ok()) << resolved.status();
      ASSERT_EQ(*resolved, sequence);
    } else {
      ASSERT_TRUE(absl::IsOutOfRange(resolved.status()));
    }
  }
  if (saved != 0 && saved + 1 >= journal->state().oldest) {
    ASSERT_EQ(journal->LoadCursor("reader"), saved);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, JournalPropertyTest, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace oomtrail::journal
