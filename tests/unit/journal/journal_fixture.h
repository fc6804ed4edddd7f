// A journal in a directory of its own, and short ways to fill and read it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/strings.h"
#include "agent/journal/journal.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::journal {

inline Entry MakeEntry(const std::string& id, size_t payload_bytes = 100,
                       int64_t wall_ns = fakes::FakeClock().WallNanos(), uint32_t revision = 0) {
  std::string payload = base::StrCat(id, ":");
  payload.resize(std::max(payload.size(), payload_bytes), 'x');
  return {.wall_ns = wall_ns,
          .id = id,
          .revision = revision,
          .payload = std::make_shared<const std::string>(std::move(payload))};
}

// Everything after `after`, page by page; what is missing is counted in `lost`.
struct Everything {
  std::vector<Entry> entries;
  uint64_t lost = 0;
};

inline Everything ReadAll(const Journal& journal, uint64_t after = 0, size_t page_entries = 7) {
  Everything all;
  while (true) {
    Page page = journal.Read(after, page_entries, 1 << 20);
    if (page.upto == after) return all;
    all.lost += page.upto - after - page.entries.size();
    after = page.upto;
    std::move(page.entries.begin(), page.entries.end(), std::back_inserter(all.entries));
  }
}

inline std::vector<std::string> Ids(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

class JournalTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Journal>> TryOpen() {
    return Journal::Open(options_, clock_, log_);
  }

  std::unique_ptr<Journal> Open() {
    auto journal = TryOpen();
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }

  void Fill(Journal& journal, int from, int to, size_t payload_bytes = 100) {
    for (int i = from; i <= to; ++i) {
      ASSERT_TRUE(journal.Append(MakeEntry(base::StrCat("e", i), payload_bytes)).has_value());
    }
  }

  fakes::TempDir dir_;
  fakes::FakeClock clock_;
  const base::Log log_{base::LogFormat::kText, -1};  // said to nobody
  JournalOptions options_{.directory = dir_ / "journal"};
};

}  // namespace oomtrail::journal
