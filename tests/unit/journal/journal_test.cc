#include "agent/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/journal/journal_fixture.h"

namespace oomtrail::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What holds with a directory and without one.
class AnyJournalTest : public JournalTest, public ::testing::WithParamInterface<bool> {
 protected:
  AnyJournalTest() {
    if (!GetParam()) options_.directory.clear();
  }
};
INSTANTIATE_TEST_SUITE_P(Where, AnyJournalTest, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "OnDisk" : "InMemory"; });

TEST_P(AnyJournalTest, GivesSequencesFromOne) {
  const auto journal = Open();
  EXPECT_EQ(journal->head(), 0U);
  EXPECT_EQ(journal->Append(MakeEntry("a")), 1U);
  EXPECT_EQ(journal->Append(MakeEntry("b")), 2U);
  EXPECT_EQ(journal->head(), 2U);
}

TEST_P(AnyJournalTest, IsReadAtOnceAndInOrder) {
  const auto journal = Open();
  Fill(*journal, 1, 50);
  const Everything all = ReadAll(*journal);
  ASSERT_EQ(all.entries.size(), 50U);
  EXPECT_EQ(all.lost, 0U);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(all.entries[i].sequence, i + 1);
    EXPECT_EQ(all.entries[i].id, base::StrCat("e", i + 1));
    EXPECT_THAT(*all.entries[i].payload, testing::StartsWith(base::StrCat("e", i + 1, ":")));
  }
}

TEST_P(AnyJournalTest, KeepsAnIdAndRevisionOnce) {
  const auto journal = Open();
  EXPECT_TRUE(journal->Append(MakeEntry("a")).has_value());
  EXPECT_FALSE(journal->Append(MakeEntry("a")).has_value());
  EXPECT_EQ(journal->Append(MakeEntry("a", 100, clock_.WallNanos(), /*revision=*/1)), 2U);
  EXPECT_EQ(ReadAll(*journal).entries.size(), 2U);
}

TEST_P(AnyJournalTest, APageHasAtLeastOneEntryAndNotManyMoreBytesThanAskedFor) {
  const auto journal = Open();
  Fill(*journal, 1, 10, /*payload_bytes=*/1'000);
  EXPECT_EQ(journal->Read(0, 100, 1).entries.size(), 1U);
  EXPECT_LE(journal->Read(0, 100, 3'000).entries.size(), 3U);
  EXPECT_EQ(journal->Read(0, 4, 1 << 20).entries.size(), 4U);
  EXPECT_EQ(journal->Read(0, 4, 1 << 20).upto, 4U);
}

TEST_P(AnyJournalTest, ReadsTheNewestFirstWhenAskedTo) {
  const auto journal = Open();
  Fill(*journal, 1, 5);
  EXPECT_THAT(Ids(journal->ReadBack(journal->head() + 1, 3)), ElementsAre("e5", "e4", "e3"));
  EXPECT_THAT(Ids(journal->ReadBack(3, 9)), ElementsAre("e2", "e1"));
  EXPECT_THAT(journal->ReadBack(1, 9), IsEmpty());
}

TEST_P(AnyJournalTest, FindsWhereATimeBegins) {
  const auto journal = Open();
  const int64_t start = clock_.WallNanos();
  for (const int64_t second : {10, 20, 15, 30}) {
    journal->Append(MakeEntry(base::StrCat("t", second), 100, start + second));
  }
  EXPECT_EQ(journal->BeforeTime(0), 0U);
  EXPECT_EQ(journal->BeforeTime(start + 11), 1U);
  // The one of 15 came after that of 20: both are of 15 or later.
  EXPECT_EQ(journal->BeforeTime(start + 15), 1U);
  EXPECT_EQ(journal->BeforeTime(start + 30), 3U);
  EXPECT_EQ(journal->BeforeTime(start + 31), 4U);
}

TEST_P(AnyJournalTest, ResolvesThePlacesItGaveOut) {
  const auto journal = Open();
  Fill(*journal, 1, 3);
  for (uint64_t sequence = 0; sequence <= 3; ++sequence) {
    const auto resolved = journal->Resolve(journal->PositionOf(sequence));
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(*resolved, sequence);
  }
  Position future = journal->PositionOf(3);
  future.sequence = 4;
  EXPECT_TRUE(absl::IsInvalidArgument(journal->Resolve(future).status()));
  EXPECT_TRUE(absl::IsOutOfRange(journal->Resolve({.epoch = 12345, .sequence = 1}).status()));
}

TEST_P(AnyJournalTest, KeepsStatesAndCursors) {
  const auto journal = Open();
  EXPECT_TRUE(absl::IsNotFound(journal->LoadState("metrics").status()));
  journal->SaveState("metrics", "1");
  journal->SaveState("metrics", std::string("2\0", 2));
  ASSERT_TRUE(journal->Flush().ok());
  EXPECT_EQ(*journal->LoadState("metrics"), std::string("2\0", 2));
  Fill(*journal, 1, 3);
  EXPECT_EQ(journal->LoadCursor("loki"), std::nullopt);
  journal->SaveCursor("loki", 2);
  EXPECT_EQ(journal->LoadCursor("loki"), 2U);
}

TEST_F(JournalTest, SurvivesARestart) {
  Position place;
  {
    const auto journal = Open();
    Fill(*journal, 1, 20);
    place = journal->PositionOf(15);
    journal->SaveCursor("loki", 12);
  }
  const auto journal = Open();
  EXPECT_EQ(ReadAll(*journal).entries.size(), 20U);
  EXPECT_EQ(journal->LoadCursor("loki"), 12U);
  EXPECT_EQ(*journal->Resolve(place), 15U);
  EXPECT_EQ(journal->Append(MakeEntry("next")), 21U);
  EXPECT_THAT(Ids(ReadAll(*journal, 19).entries), ElementsAre("e20", "next"));
  EXPECT_FALSE(journal->Append(MakeEntry("e20")).has_value()) << "told before the restart";
}

TEST_F(JournalTest, ReadsOverTheSeamOfDiskAndMemory) {
  const auto journal = Open();
  // Far more than stays in memory once it is written.
  Fill(*journal, 1, 400, /*payload_bytes=*/4'000);
  ASSERT_TRUE(journal->Flush().ok());
  Fill(*journal, 401, 420);
  const Everything all = ReadAll(*journal);
  ASSERT_EQ(all.entries.size(), 420U);
  EXPECT_EQ(all.lost, 0U);
  for (size_t i = 0; i < all.entries.size(); ++i) ASSERT_EQ(all.entries[i].sequence, i + 1);
  EXPECT_THAT(Ids(journal->ReadBack(403, 4)), ElementsAre("e402", "e401", "e400", "e399"));
}

TEST_F(JournalTest, LetsTheOldestGoWhenItIsFullAndSaysSo) {
  options_.max_bytes = 1 << 20;
  const auto journal = Open();
  const Position first = journal->PositionOf(1);
  Fill(*journal, 1, 2'000, /*payload_bytes=*/2'000);
  ASSERT_TRUE(journal->Flush().ok());
  const JournalState state = journal->state();
  EXPECT_LE(state.bytes, options_.max_bytes);
  EXPECT_GT(state.oldest, 1U);
  EXPECT_EQ(state.events, state.head - state.oldest + 1);
  EXPECT_TRUE(absl::IsOutOfRange(journal->Resolve(first).status()));
  EXPECT_TRUE(journal->Resolve(journal->PositionOf(state.oldest - 1)).ok());
  // Whoever reads on from there all the same is told exactly what is missing.
  const Everything all = ReadAll(*journal);
  EXPECT_EQ(all.lost, state.oldest - 1);
  EXPECT_EQ(all.entries.front().sequence, state.oldest);
  EXPECT_EQ(all.entries.size() + all.lost, 2'000U);
}

TEST_F(JournalTest, LetsGoWhatIsTooOldAndGivesNoSequenceTwice) {
  options_.max_age = std::chrono::hours(1);
  const int64_t now = clock_.WallNanos();
  {
    const auto journal = Open();
    journal->Append(MakeEntry("old", 100, now));
    journal->Append(MakeEntry("older", 100, now - 1));
  }
  clock_.Advance(std::chrono::hours(2));
  {
    const auto journal = Open();
    ASSERT_TRUE(journal->Append(MakeEntry("x", 100, clock_.WallNanos())).has_value());
    ASSERT_TRUE(journal->Flush().ok());
    EXPECT_THAT(Ids(ReadAll(*journal, journal->state().oldest - 1).entries), ElementsAre("x"));
  }
  clock_.Advance(std::chrono::hours(2));
  {
    const auto journal = Open();
    journal->SaveState("s", "");  // something to write
    ASSERT_TRUE(journal->Flush().ok());
    EXPECT_EQ(journal->state().events, 0U);
    EXPECT_EQ(journal->state().oldest, 4U);
  }
  const auto journal = Open();
  EXPECT_EQ(journal->Append(MakeEntry("y")), 4U);
}

TEST_F(JournalTest, InMemoryTheOldestGoToo) {
  options_.directory.clear();
  options_.memory_bytes = 100'000;
  const auto journal = Open();
  Fill(*journal, 1, 1'000, /*payload_bytes=*/1'000);
  const JournalState state = journal->state();
  EXPECT_LE(state.bytes, options_.memory_bytes);
  EXPECT_GT(state.oldest, 900U);
  EXPECT_EQ(state.dropped, 0U) << "nothing was to be written";
  EXPECT_TRUE(absl::IsOutOfRange(journal->Resolve(journal->PositionOf(1)).status()));
}

TEST_F(JournalTest, BelongsToOneAgent) {
  const auto journal = Open();
  const auto second = TryOpen();
  EXPECT_TRUE(absl::IsAlreadyExists(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("held by another agent"));
}

TEST_F(JournalTest, ADirectoryThatCannotBeOneIsRefused) {
  options_.directory = dir_.Write("file", "");
  const auto journal = TryOpen();
  EXPECT_FALSE(journal.ok());
  EXPECT_THAT(std::string(journal.status().message()), HasSubstr("file"));
}

}  // namespace
}  // namespace oomtrail::journal
