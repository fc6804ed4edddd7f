#include "agent/journal/store.h"

#include <algorithm>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::journal {
namespace {

// Raised when the tables change; a file of another version is set aside as a damaged one is.
constexpr int64_t kVersion = 1;
constexpr int64_t kApplicationId = 0x6f6f6d74;  // "oomt"
constexpr uint64_t kPageBytes = 4096;
// Past the bound that compaction holds: what a batch may take before the next compaction.
constexpr uint64_t kSlackBytes = 4UL << 20;
constexpr size_t kMaxEpochs = 1000;
constexpr size_t kMaxStateBytes = 4UL << 20;

constexpr const char* kTables = R"(
  CREATE TABLE event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    wall_ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    payload BLOB NOT NULL);
  CREATE INDEX event_time ON event (wall_ns);
  CREATE TABLE epoch (
    ordinal INTEGER PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,
    first INTEGER NOT NULL);
  CREATE TABLE state (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL) WITHOUT ROWID;
)";

constexpr std::string_view kColumns = "SELECT sequence, wall_ns, id, revision, payload FROM event ";

absl::Status Begin(Database& database) { return database.Execute("BEGIN IMMEDIATE"); }

// Runs `work` in a transaction.
template <typename Work>
absl::Status Transact(Database& database, Work work) {
  RETURN_IF_ERROR(Begin(database));
  absl::Status status = work();
  if (status.ok()) status = database.Execute("COMMIT");
  if (!status.ok()) database.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path, uint64_t epoch_id,
                                                   uint64_t first, uint64_t max_bytes) {
  ASSIGN_OR_RETURN(Database writer, Database::Open(path, /*read_only=*/false));
  auto store = std::unique_ptr<Store>(new Store(std::move(writer)));
  RETURN_IF_ERROR(store->MakeTables(max_bytes));
  RETURN_IF_ERROR(store->ReadExtent());
  RETURN_IF_ERROR(store->BeginEpoch(epoch_id, first));
  RETURN_IF_ERROR(store->PrepareAll());
  ASSIGN_OR_RETURN(Database database, Database::Open(path, /*read_only=*/true));
  RETURN_IF_ERROR(database.Execute("PRAGMA cache_size = -256"));
  const std::string columns(kColumns);
  ASSIGN_OR_RETURN(Statement forward,
                   database.Prepare(columns + "WHERE sequence > ? AND sequence < ? "
                                              "ORDER BY sequence LIMIT ?"));
  ASSIGN_OR_RETURN(Statement backward,
                   database.Prepare(columns + "WHERE sequence > ? AND sequence < ? "
                                              "ORDER BY sequence DESC LIMIT ?"));
  ASSIGN_OR_RETURN(Statement since,
                   database.Prepare("SELECT min(sequence) FROM event WHERE wall_ns >= ?"));
  ASSIGN_OR_RETURN(Statement state, database.Prepare("SELECT value FROM state WHERE name = ?"));
  const base::MutexLock lock(store->reader_mutex_);
  store->reader_ = std::make_unique<Reader>(Reader{.database = std::move(database),
                                                   .forward = std::move(forward),
                                                   .backward = std::move(backward),
                                                   .since = std::move(since),
                                                   .state = std::move(state)});
  return store;
}

absl::Status Store::MakeTables(uint64_t max_bytes) {
  max_bytes_ = max_bytes;
  // Before there is a table: only then can it be chosen.
  RETURN_IF_ERROR(writer_.Execute("PRAGMA auto_vacuum = INCREMENTAL"));
  RETURN_IF_ERROR(writer_.Execute("PRAGMA journal_mode = WAL"));
  RETURN_IF_ERROR(writer_.Execute(base::StrCat(
      "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY;"
      "PRAGMA wal_autocheckpoint = 1024; PRAGMA journal_size_limit = 4194304;"
      "PRAGMA max_page_count = ",
      (max_bytes + kSlackBytes) / kPageBytes)));
  ASSIGN_OR_RETURN(const int64_t application, writer_.QueryInt("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version, writer_.QueryInt("PRAGMA user_version"));
  if (application == kApplicationId && version == kVersion) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t tables, writer_.QueryInt("SELECT count(*) FROM sqlite_master"));
  if (tables != 0) {
    return absl::DataLossError(base::StrCat("a journal of version ", version, ", not ", kVersion));
  }
  return Transact(writer_, [&] {
    return writer_.Execute(base::StrCat(kTables, "PRAGMA application_id = ", kApplicationId,
                                        "; PRAGMA user_version = ", kVersion));
  });
}

absl::Status Store::ReadExtent() {
  ASSIGN_OR_RETURN(const int64_t oldest, writer_.QueryInt("SELECT min(sequence) FROM event"));
  // Also where that event has been let go: a number is given once.
  ASSIGN_OR_RETURN(const int64_t newest,
                   writer_.QueryInt("SELECT seq FROM sqlite_sequence WHERE name = 'event'"));
  ASSIGN_OR_RETURN(const int64_t events, writer_.QueryInt("SELECT count(*) FROM event"));
  extent_ = {.oldest = static_cast<uint64_t>(oldest),
             .newest = static_cast<uint64_t>(newest),
             .events = static_cast<uint64_t>(events)};
  return absl::OkStatus();
}

absl::Status Store::BeginEpoch(uint64_t epoch_id, uint64_t first) {
  ASSIGN_OR_RETURN(Statement all, writer_.Prepare("SELECT id, first FROM epoch ORDER BY ordinal"));
  uint64_t next = std::max(first, extent_.newest + 1);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, all.Step());
    if (!row) break;
    epochs_.push_back(
        {.id = static_cast<uint64_t>(all.Int(0)), .first = static_cast<uint64_t>(all.Int(1))});
    // An epoch that was compacted to nothing still has given its numbers away.
    next = std::max(next, epochs_.back().first);
  }
  return Transact(writer_, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(Statement add, writer_.Prepare("INSERT INTO epoch (id, first) VALUES (?, ?)"));
    RETURN_IF_ERROR(
        add.Bind(1, static_cast<int64_t>(epoch_id)).Bind(2, static_cast<int64_t>(next)).Run());
    epochs_.push_back({.id = epoch_id, .first = next});
    if (epochs_.size() <= kMaxEpochs) return absl::OkStatus();
    const size_t surplus = epochs_.size() - kMaxEpochs;
    epochs_.erase(epochs_.begin(), epochs_.begin() + static_cast<ptrdiff_t>(surplus));
    return writer_.Execute(base::StrCat(
        "DELETE FROM epoch WHERE ordinal IN (SELECT ordinal FROM epoch ORDER BY ordinal LIMIT ",
        surplus, ")"));
  });
}

absl::Status Store::PrepareAll() {
  ASSIGN_OR_RETURN(Statement insert, writer_.Prepare("INSERT INTO event VALUES "
                                                     "(?, ?, ?, ?, ?)"));
  ASSIGN_OR_RETURN(Statement state, writer_.Prepare("INSERT OR REPLACE INTO state VALUES (?, ?)"));
  insert_ = std::make_unique<Statement>(std::move(insert));
  insert_state_ = std::make_unique<Statement>(std::move(state));
  return absl::OkStatus();
}

absl::Status Store::Write(const std::vector<Entry>& entries,
                          const std::vector<std::pair<std::string, std::string>>& states) {
  absl::Status written = Transact(writer_, [&]() -> absl::Status {
    for (const Entry& entry : entries) {
      RETURN_IF_ERROR(insert_->Bind(1, static_cast<int64_t>(entry.sequence))
                          .Bind(2, entry.wall_ns)
                          .Bind(3, std::string_view(entry.id))
                          .Bind(4, static_cast<int64_t>(entry.revision))
                          .BindBlob(5, *entry.payload)
                          .Run());
    }
    for (const auto& [name, value] : states) {
      RETURN_IF_ERROR(insert_state_->Bind(1, std::string_view(name)).BindBlob(2, value).Run());
    }
    return absl::OkStatus();
  });
  if (!written.ok() || entries.empty()) return written;
  if (extent_.events == 0) extent_.oldest = entries.front().sequence;
  extent_.newest = entries.back().sequence;
  extent_.events += entries.size();
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Store::Bytes() {
  ASSIGN_OR_RETURN(const int64_t pages, writer_.QueryInt("PRAGMA page_count"));
  ASSIGN_OR_RETURN(const int64_t free, writer_.QueryInt("PRAGMA freelist_count"));
  return static_cast<uint64_t>(pages - free) * kPageBytes;
}

absl::Status Store::DeleteUpTo(uint64_t sequence) {
  return Transact(writer_, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(Statement remove, writer_.Prepare("DELETE FROM event WHERE sequence <= ?"));
    return remove.Bind(1, static_cast<int64_t>(sequence)).Run();
  });
}

absl::Status Store::ForgetBefore(int64_t wall_ns) {
  if (extent_.events == 0) return absl::OkStatus();
  // Sequences, not times, are let go: the clock may have been set back in between.
  ASSIGN_OR_RETURN(const auto keep_from, FirstSince(wall_ns));
  if (keep_from == extent_.oldest) return absl::OkStatus();
  RETURN_IF_ERROR(DeleteUpTo(keep_from ? *keep_from - 1 : extent_.newest));
  RETURN_IF_ERROR(ReadExtent());
  return writer_.Execute("PRAGMA incremental_vacuum");
}

absl::Status Store::ForgetSurplus() {
  ASSIGN_OR_RETURN(uint64_t bytes, Bytes());
  bool freed = false;
  while (bytes > max_bytes_ && extent_.events > 1) {
    // A sixteenth at a time, so that a full journal is not rewritten for each event.
    const uint64_t span = std::max<uint64_t>((extent_.newest - extent_.oldest) / 16, 1);
    RETURN_IF_ERROR(DeleteUpTo(extent_.oldest + span - 1));
    RETURN_IF_ERROR(ReadExtent());
    ASSIGN_OR_RETURN(bytes, Bytes());
    freed = true;
  }
  return freed ? writer_.Execute("PRAGMA incremental_vacuum") : absl::OkStatus();
}

absl::Status Store::ForEachRecentId(
    size_t count, const std::function<void(const std::string&, uint32_t)>& visit) {
  ASSIGN_OR_RETURN(Statement ids, writer_.Prepare("SELECT id, revision FROM event "
                                                  "ORDER BY sequence DESC LIMIT ?"));
  ids.Bind(1, static_cast<int64_t>(count));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, ids.Step());
    if (!row) return absl::OkStatus();
    visit(ids.Text(0), static_cast<uint32_t>(ids.Int(1)));
  }
}

absl::StatusOr<std::vector<Entry>> Store::Read(uint64_t after, uint64_t before, bool newest_first,
                                               size_t max_entries, size_t max_bytes) const {
  const base::MutexLock lock(reader_mutex_);
  Statement& select = newest_first ? reader_->backward : reader_->forward;
  constexpr uint64_t kMost = INT64_MAX;
  select.Bind(1, static_cast<int64_t>(std::min(after, kMost)))
      .Bind(2, static_cast<int64_t>(std::min(before, kMost)))
      .Bind(3, static_cast<int64_t>(max_entries));
  std::vector<Entry> entries;
  size_t bytes = 0;
  while (bytes < max_bytes) {
    ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return entries;
    entries.push_back({.sequence = static_cast<uint64_t>(select.Int(0)),
                       .wall_ns = select.Int(1),
                       .id = select.Text(2),
                       .revision = static_cast<uint32_t>(select.Int(3)),
                       .payload = std::make_shared<const std::string>(select.Text(4))});
    bytes += entries.back().bytes();
  }
  select.Reset();
  return entries;
}

absl::StatusOr<std::optional<uint64_t>> Store::FirstSince(int64_t wall_ns) const {
  const base::MutexLock lock(reader_mutex_);
  ASSIGN_OR_RETURN(const bool row, reader_->since.Bind(1, wall_ns).Step());
  const auto first = row ? static_cast<uint64_t>(reader_->since.Int(0)) : 0;
  reader_->since.Reset();
  if (first == 0) return std::optional<uint64_t>();
  return std::optional<uint64_t>(first);
}

absl::StatusOr<std::string> Store::ReadState(const std::string& name) const {
  const base::MutexLock lock(reader_mutex_);
  ASSIGN_OR_RETURN(const bool row, reader_->state.Bind(1, std::string_view(name)).Step());
  if (!row) return absl::NotFoundError(base::StrCat("no state ", name));
  std::string value = reader_->state.Text(0);
  reader_->state.Reset();
  if (value.size() > kMaxStateBytes) return absl::DataLossError(base::StrCat("state ", name));
  return value;
}

}  // namespace oomtrail::journal
