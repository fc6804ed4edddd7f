// The journal: every event appended once, and read by whoever was not there.
//
// Append() never waits for the disk: an event is in memory at once, where readers find it, and a
// thread of the journal's own writes it out. While the disk takes nothing, events wait in memory up
// to a bound; then the oldest unwritten go, and readers are told how many they miss. Without a
// directory the journal is that memory alone.
//
// Sequences rise by one for each event and are given once. Thread-safe; SaveState and SaveCursor
// may be called from any thread, Append from one. writer.cc has the thread's part.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mutex.h"
#include "agent/journal/cursor.h"
#include "agent/journal/entry.h"
#include "agent/journal/store.h"

namespace oomtrail::journal {

struct JournalOptions {
  std::string directory;  // empty: in memory
  uint64_t max_bytes = 64UL << 20;
  std::chrono::seconds max_age = std::chrono::hours(24 * 7);
  size_t memory_bytes = 4UL << 20;  // of what is not written
};

// A stretch of the journal. What lies in (after, upto] and is not among the entries is lost.
struct Page {
  std::vector<Entry> entries;  // oldest first
  uint64_t upto = 0;
};

struct JournalState {
  std::string directory;
  uint64_t epoch = 0;
  uint64_t oldest = 0;  // sequence of the oldest event held; head + 1 where none is
  uint64_t head = 0;    // of the newest
  uint64_t events = 0;
  uint64_t bytes = 0;
  uint64_t unwritten = 0;
  uint64_t dropped = 0;  // unwritten for want of memory
  std::string error;     // why nothing can be written at the moment
};

class Journal {
 public:
  // ALREADY_EXISTS: another agent has the directory. Other errors: it cannot be used at all. A
  // damaged journal is set aside, and a new one begun.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const JournalOptions& options,
                                                       const base::Clock& clock,
                                                       const base::Log& log);
  ~Journal();  // writes what is not written yet, if the disk takes it

  // The sequence given to the event, whose own one is not looked at. Absent: an event of this id
  // and revision is in the journal already.
  std::optional<uint64_t> Append(Entry entry);
  // Has what was appended written within milliseconds; without it, within a minute.
  void WriteSoon();

  // Entries after `after`, as many as the bounds allow but at least one if there is any.
  Page Read(uint64_t after, size_t max_entries, size_t max_bytes) const;
  // The newest before `before`, newest first.
  std::vector<Entry> ReadBack(uint64_t before, size_t max_entries) const;
  // What to read after, to get all from `wall_ns` on.
  uint64_t BeforeTime(int64_t wall_ns) const;

  uint64_t head() const;
  Position PositionOf(uint64_t sequence) const;
  // The sequence to read after. OUT_OF_RANGE: not held any more. INVALID_ARGUMENT: never given out.
  absl::StatusOr<uint64_t> Resolve(Position position) const;

  // A small value that survives a restart, written with the next events; the last one of a name
  // counts.
  void SaveState(const std::string& name, std::string value);
  absl::StatusOr<std::string> LoadState(const std::string& name) const;
  // How far a reader of that name has come. Absent: it never came, or the place is not held any
  // more.
  void SaveCursor(const std::string& reader, uint64_t sequence);
  std::optional<uint64_t> LoadCursor(const std::string& reader) const;

  // Waits until all that was appended and saved is written; the error where it cannot be.
  absl::Status Flush();

  JournalState state() const;

 private:
  // What the writer has to do next.
  struct Work {
    std::shared_ptr<Store> store;
    std::vector<Entry> entries;
    std::vector<std::pair<std::string, std::string>> states;
    bool damaged = false;  // the file must go first
    bool last = false;     // the journal is closing
  };

  Journal(const JournalOptions& options, const base::Clock& clock, const base::Log& log);
  absl::Status OpenStore(uint64_t first);
  void RunWriter();
  Work AwaitWork();
  void Linger() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Do(const Work& work);
  absl::Status ReplaceStore();
  void OnWritten(const Work& work, uint64_t bytes);
  void OnFailed(const absl::Status& status);
  void Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Remember(uint64_t key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Oldest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t TailFirst() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnReadError(const absl::Status& status) const;

  const JournalOptions options_;
  const base::Clock& clock_;
  const base::Log& log_;
  std::optional<Directory> directory_;

  mutable base::Mutex mutex_;
  base::CondVar work_;                                    // for the writer
  base::CondVar done_;                                    // for those who wait for it
  std::shared_ptr<Store> store_ ABSL_GUARDED_BY(mutex_);  // null: in memory
  std::vector<Epoch> epochs_ ABSL_GUARDED_BY(mutex_);
  std::deque<Entry> tail_ ABSL_GUARDED_BY(mutex_);  // the newest, without a gap
  size_t tail_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::string> states_ ABSL_GUARDED_BY(mutex_);  // to be written
  absl::flat_hash_set<uint64_t> known_ ABSL_GUARDED_BY(mutex_);        // ids, hashed
  std::vector<uint64_t> known_ring_ ABSL_GUARDED_BY(mutex_);
  size_t known_next_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t head_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  Store::Extent extent_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string error_ ABSL_GUARDED_BY(mutex_);
  mutable bool damaged_ ABSL_GUARDED_BY(mutex_) = false;
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;   // the writer sleeps until it is woken
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;  // somebody waits for it
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point forgotten_at_;  // the writer's own
  std::thread writer_;
};

}  // namespace oomtrail::journal
