// An agent that is killed with -9 at any moment: what it said to be written is there afterwards,
// once and in order.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <set>

#include "tests/unit/journal/journal_fixture.h"

namespace oomtrail::journal {
namespace {

constexpr int kRounds = 200;

// What the writing process acknowledges: everything up to this sequence is written.
struct Acknowledged {
  uint64_t sequence = 0;
  Position position;
};

// In a process of its own: appends as fast as it can, and acknowledges after each flush.
[[noreturn]] void Write(const JournalOptions& options, const base::Clock& clock, int round,
                        int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const base::Log log(base::LogFormat::kText, -1);
  auto journal = Journal::Open(options, clock, log);
  if (!journal.ok()) ::_exit(3);
  for (int i = 0;; ++i) {
    const auto sequence = (*journal)->Append(MakeEntry(base::StrCat(round, "-", i), 500));
    if (!sequence || !(*journal)->Flush().ok()) ::_exit(4);
    const Acknowledged said{*sequence, (*journal)->PositionOf(*sequence)};
    if (::write(out, &said, sizeof said) != sizeof said) ::_exit(5);
  }
}

TEST_F(JournalTest, NothingThatWasAcknowledgedIsLostByAKill) {
  options_.max_bytes = 1 << 20;  // compaction runs meanwhile
  std::mt19937 random(20261125);
  Acknowledged last;
  for (int round = 0; round < kRounds; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      Write(options_, clock_, round, ends[1]);
    }
    ::close(ends[1]);
    // Killed after a number of acknowledgements, in the middle of whatever it does then.
    Acknowledged said;
    for (auto wanted = 1 + random() % 8; wanted > 0; --wanted) {
      ASSERT_EQ(::read(ends[0], &said, sizeof said), static_cast<ssize_t>(sizeof said));
      last = said;
    }
    std::atomic<uint64_t> spin{random() % 100'000};
    while (spin.fetch_sub(1) > 1) {
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself: " << status;
    while (::read(ends[0], &said, sizeof said) == static_cast<ssize_t>(sizeof said)) last = said;
    ::close(ends[0]);

    const auto journal = Open();
    ASSERT_NE(journal, nullptr);
    const JournalState state = journal->state();
    ASSERT_GE(state.head, last.sequence) << "round " << round;
    const auto resolved = journal->Resolve(last.position);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    ASSERT_EQ(*resolved, last.sequence);
    const Everything all = ReadAll(*journal, state.oldest - 1, 200);
    ASSERT_EQ(all.lost, 0U);
    std::set<std::string> ids;
    for (size_t i = 0; i < all.entries.size(); ++i) {
      ASSERT_EQ(all.entries[i].sequence, state.oldest + i);
      ASSERT_TRUE(ids.insert(all.entries[i].id).second) << all.entries[i].id << " is there twice";
    }
  }
}

}  // namespace
}  // namespace oomtrail::journal
