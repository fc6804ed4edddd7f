// Files that somebody has broken, and disks that take nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "tests/unit/journal/journal_fixture.h"

namespace oomtrail::journal {
namespace {

using ::testing::ElementsAre;

struct Damage {
  std::string_view name;
  void (*inflict)(const std::string& file);
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

void Overwrite(const std::string& file, std::streamoff at, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(at);
  stream << bytes;
}

class DamagedJournalTest : public JournalTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedJournalTest, IsSetAsideAndANewOneBegun) {
  Position old;
  {
    const auto journal = Open();
    Fill(*journal, 1, 300, /*payload_bytes=*/1'000);
    old = journal->PositionOf(300);
  }
  GetParam().inflict(options_.directory + "/journal.db");
  const auto journal = Open();
  ASSERT_NE(journal, nullptr);
  // Some damage shows at the start, some only when it is read or written.
  ReadAll(*journal);
  Fill(*journal, 1'001, 1'300, /*payload_bytes=*/1'000);
  ASSERT_TRUE(journal->Flush().ok());
  EXPECT_TRUE(std::filesystem::exists(options_.directory + "/journal.damaged.db"));
  const Everything all = ReadAll(*journal, journal->state().oldest - 1);
  EXPECT_EQ(all.entries.back().id, "e1300");
  for (size_t i = 1; i < all.entries.size(); ++i) {
    EXPECT_EQ(all.entries[i].sequence, all.entries[i - 1].sequence + 1);
  }
}

const Damage kDamages[] = {
    {"NoDatabase", [](const std::string& file) { std::ofstream(file) << std::string(9'000, '?'); }},
    {"HeaderGone", [](const std::string& file) { Overwrite(file, 0, std::string(100, '\0')); }},
    {"OtherTables",
     [](const std::string& file) {
       std::filesystem::remove(file);
       auto database = Database::Open(file, /*read_only=*/false);
       ASSERT_TRUE(database->Execute("CREATE TABLE event (x)").ok());
     }},
    {"NewerVersion",
     [](const std::string& file) {
       auto database = Database::Open(file, /*read_only=*/false);
       ASSERT_TRUE(database->Execute("PRAGMA user_version = 99").ok());
     }},
    {"PagesOverwritten",
     [](const std::string& file) {
       const auto size = static_cast<std::streamoff>(std::filesystem::file_size(file));
       for (std::streamoff at = 4096; at < size; at += 4096) {
         Overwrite(file, at, std::string(64, '\xff'));
       }
     }},
    {"CutInHalf",
     [](const std::string& file) {
       std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
     }},
};
INSTANTIATE_TEST_SUITE_P(Rows, DamagedJournalTest, ::testing::ValuesIn(kDamages),
                         [](const auto& row) { return std::string(row.param.name); });

// The limit on a file's size stands in for a full disk: writes fail, and later succeed.
class FullDisk {
 public:
  FullDisk() {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit full = before_;
    full.rlim_cur = 0;
    ::setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(JournalTest, AFullDiskIsSaidAndSurvived) {
  options_.memory_bytes = 200'000;
  const auto journal = Open();
  Fill(*journal, 1, 10);
  ASSERT_TRUE(journal->Flush().ok());
  {
    const FullDisk full;
    Fill(*journal, 11, 20);
    EXPECT_TRUE(absl::IsUnavailable(journal->Flush()));
    EXPECT_FALSE(journal->state().error.empty());
    EXPECT_EQ(journal->state().unwritten, 10U);
    // They are told all the same.
    EXPECT_EQ(ReadAll(*journal).entries.size(), 20U);
    // More than fits in memory: the oldest of the unwritten go, and their readers hear of it.
    Fill(*journal, 21, 520, /*payload_bytes=*/1'000);
    const JournalState state = journal->state();
    EXPECT_GT(state.dropped, 0U);
    const Everything all = ReadAll(*journal);
    EXPECT_EQ(all.lost, state.dropped);
    EXPECT_EQ(all.entries.size() + all.lost, 520U);
  }
  // It tries again by itself.
  while (!journal->Flush().ok()) {
  }
  EXPECT_TRUE(journal->state().error.empty());
  EXPECT_EQ(journal->state().unwritten, 0U);
  EXPECT_EQ(ReadAll(*journal).entries.back().id, "e520");
}

}  // namespace
}  // namespace oomtrail::journal
