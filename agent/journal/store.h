// The journal's file: events, epochs, named cursors and states in one SQLite database (WAL).
//
// A Store has a writing and a reading connection. What writes belongs to
// one thread, the reads to any (they take turns). Statuses as in sqlite.h: DATA_LOSS means that
// the file is damaged and must go, UNAVAILABLE that it may work later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/mutex.h"
#include "agent/base/unique_fd.h"
#include "agent/journal/entry.h"
#include "agent/journal/sqlite.h"

namespace oomtrail::journal {

// An opening of the journal: it handed out the sequences from `first` on, up to the next epoch's.
struct Epoch {
  uint64_t id = 0;
  uint64_t first = 0;
};

// A journal directory, locked: one agent writes one journal. ALREADY_EXISTS where another has it.
class Directory {
 public:
  static absl::StatusOr<Directory> Open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/journal.db"; }
  // Sets a damaged database aside, in place of an older damaged one.
  absl::Status Quarantine() const;

 private:
  Directory(std::string path, base::UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  base::UniqueFd lock_;
};

// Removes a journal, the damaged one too, and its directory where nothing else is in it. OK where
// there is none. An agent that has it open loses what it writes from then on.
absl::Status RemoveJournal(const std::string& path);

class Store {
 public:
  struct Extent {
    uint64_t oldest = 0;  // 0: empty
    uint64_t newest = 0;
    uint64_t events = 0;
  };

  // Opens or makes the file and begins the epoch `epoch_id`, whose first sequence is not less than
  // `first`. `max_bytes` bounds the file.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path, uint64_t epoch_id,
                                                     uint64_t first, uint64_t max_bytes);

  // The last one is this opening's.
  const std::vector<Epoch>& epochs() const { return epochs_; }
  const Extent& extent() const { return extent_; }

  // All of it or nothing. Entries in ascending sequence.
  absl::Status Write(const std::vector<Entry>& entries,
                     const std::vector<std::pair<std::string, std::string>>& states);
  // Lets go what is from before `wall_ns`, oldest first, up to the first event that is not.
  absl::Status ForgetBefore(int64_t wall_ns);
  // Lets the oldest go, as many as the bound asks.
  absl::Status ForgetSurplus();
  // The newest events' ids and revisions, newest first.
  absl::Status ForEachRecentId(size_t count,
                               const std::function<void(const std::string&, uint32_t)>& visit);
  // Of the file, without what is free for reuse.
  absl::StatusOr<uint64_t> Bytes();

  // Entries after `after` and before `before`, oldest first, or newest first and then the nearest
  // to `before`. At most `max_entries`, and no more bytes than `max_bytes` but for one entry.
  absl::StatusOr<std::vector<Entry>> Read(uint64_t after, uint64_t before, bool newest_first,
                                          size_t max_entries, size_t max_bytes) const;
  // The oldest sequence whose event is of `wall_ns` or later; absent where there is none.
  absl::StatusOr<std::optional<uint64_t>> FirstSince(int64_t wall_ns) const;
  absl::StatusOr<std::string> ReadState(const std::string& name) const;

 private:
  explicit Store(Database writer) : writer_(std::move(writer)) {}
  absl::Status MakeTables(uint64_t max_bytes);
  absl::Status BeginEpoch(uint64_t epoch_id, uint64_t first);
  absl::Status PrepareAll();
  absl::Status DeleteUpTo(uint64_t sequence);
  absl::Status ReadExtent();

  Database writer_;
  std::unique_ptr<Statement> insert_;
  std::unique_ptr<Statement> insert_state_;
  uint64_t max_bytes_ = 0;
  std::vector<Epoch> epochs_;
  Extent extent_;

  struct Reader {
    Database database;
    Statement forward;
    Statement backward;
    Statement since;
    Statement state;
  };
  mutable base::Mutex reader_mutex_;
  mutable std::unique_ptr<Reader> reader_ ABSL_GUARDED_BY(reader_mutex_);
};

}  // namespace oomtrail::journal
