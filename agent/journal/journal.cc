#include "agent/journal/journal.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::journal {
namespace {

// Of what is written this much stays in memory, for those who are about to catch up.
constexpr size_t kHotBytes = 256UL << 10;
// More than the kernel's ring can hold of records that come twice.
constexpr size_t kKnownIds = 4096;
constexpr std::string_view kCursorState = "cursor/";

uint64_t RandomId() {
  uint64_t id = 0;
  // Of 8 bytes it gives all or, before the kernel has any randomness, waits.
  if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id) || id == 0) id = 1;
  return id;
}

uint64_t KeyOf(const std::string& id, uint32_t revision) {
  return std::hash<std::string>()(id) ^ std::rotl(uint64_t{revision} * 0x9e3779b97f4a7c15, 17);
}

}  // namespace

Journal::Journal(const JournalOptions& options, const base::Clock& clock, const base::Log& log)
    : options_(options), clock_(clock), log_(log) {
  const base::MutexLock lock(mutex_);
  known_.reserve(kKnownIds + 1);
  known_ring_.assign(kKnownIds, 0);
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const JournalOptions& options,
                                                       const base::Clock& clock,
                                                       const base::Log& log) {
  auto journal = std::unique_ptr<Journal>(new Journal(options, clock, log));
  if (options.directory.empty()) {
    const base::MutexLock lock(journal->mutex_);
    journal->epochs_.push_back({.id = RandomId(), .first = 1});
    return journal;
  }
  ASSIGN_OR_RETURN(journal->directory_, Directory::Open(options.directory));
  RETURN_IF_ERROR(journal->OpenStore(1));
  journal->writer_ = std::thread([self = journal.get()] { self->RunWriter(); });
  return journal;
}

Journal::~Journal() {
  {
    const base::MutexLock lock(mutex_);
    closing_ = true;
    work_.NotifyAll();
  }
  if (writer_.joinable()) writer_.join();
}

// Opens the file; a damaged one is set aside first.
absl::Status Journal::OpenStore(uint64_t first) {
  const std::string path = directory_->database();
  const uint64_t epoch = RandomId();
  auto opened = Store::Open(path, epoch, first, options_.max_bytes);
  if (absl::IsDataLoss(opened.status())) {
    log_.Error(
        base::StrCat("the journal is damaged and set aside in ", directory_->path(),
                     "/journal.damaged.db; a new one is begun: ", opened.status().message()));
    RETURN_IF_ERROR(directory_->Quarantine());
    opened = Store::Open(path, epoch, first, options_.max_bytes);
  }
  RETURN_IF_ERROR(opened.status());
  std::shared_ptr<Store> store = *std::move(opened);
  std::vector<uint64_t> keys;
  RETURN_IF_ERROR(store->ForEachRecentId(kKnownIds, [&](const std::string& id, uint32_t revision) {
    keys.push_back(KeyOf(id, revision));
  }));
  ASSIGN_OR_RETURN(const uint64_t bytes, store->Bytes());

  const base::MutexLock lock(mutex_);
  for (size_t i = keys.size(); i > 0; --i) Remember(keys[i - 1]);  // the newest last
  // Epochs that a damaged file knew are still good for what is in memory.
  for (const Epoch& known : store->epochs()) epochs_.push_back(known);
  if (head_ == 0) head_ = written_ = epochs_.back().first - 1;
  extent_ = store->extent();
  bytes_ = bytes;
  store_ = std::move(store);
  return absl::OkStatus();
}

bool Journal::Remember(uint64_t key) {
  if (!known_.insert(key).second) return false;
  known_.erase(std::exchange(known_ring_[known_next_], key));
  known_next_ = (known_next_ + 1) % known_ring_.size();
  return true;
}

std::optional<uint64_t> Journal::Append(Entry entry) {
  const base::MutexLock lock(mutex_);
  if (!Remember(KeyOf(entry.id, entry.revision))) return std::nullopt;
  entry.sequence = ++head_;
  tail_bytes_ += entry.bytes();
  tail_.push_back(std::move(entry));
  Trim();
  return head_;
}

void Journal::WriteSoon() {
  const base::MutexLock lock(mutex_);
  if (idle_ && HasWork()) work_.NotifyAll();
}

void Journal::Trim() {
  while (!tail_.empty()) {
    const bool written = store_ != nullptr && tail_.front().sequence <= written_;
    if (tail_bytes_ <= (written ? kHotBytes : options_.memory_bytes)) return;
    if (store_ != nullptr && !written) {
      ++dropped_;
      written_ = tail_.front().sequence;  // as far as the writer is concerned
    }
    tail_bytes_ -= tail_.front().bytes();
    tail_.pop_front();
  }
}

uint64_t Journal::TailFirst() const { return tail_.empty() ? head_ + 1 : tail_.front().sequence; }

uint64_t Journal::Oldest() const {
  return extent_.events != 0 ? std::min(extent_.oldest, TailFirst()) : TailFirst();
}

Page Journal::Read(uint64_t after, size_t max_entries, size_t max_bytes) const {
  std::shared_ptr<Store> store;
  uint64_t tail_first = 0;
  {
    const base::MutexLock lock(mutex_);
    tail_first = TailFirst();
    if (store_ == nullptr || after + 1 >= tail_first) {
      Page page{.upto = head_};
      const size_t skip = after + 1 > tail_first ? after + 1 - tail_first : 0;
      size_t bytes = 0;
      for (size_t i = skip; i < tail_.size(); ++i) {
        if (page.entries.size() == max_entries || (bytes >= max_bytes && i > skip)) {
          page.upto = tail_[i - 1].sequence;
          break;
        }
        bytes += tail_[i].bytes();
        page.entries.push_back(tail_[i]);
      }
      page.upto = std::max(page.upto, after);
      return page;
    }
    store = store_;
  }
  Page page{.upto = tail_first - 1};
  auto entries = store->Read(after, tail_first, /*newest_first=*/false, max_entries, max_bytes);
  if (!entries.ok()) {
    OnReadError(entries.status());
    return page;  // all of it is missing, and the reader will be told
  }
  page.entries = *std::move(entries);
  size_t bytes = 0;
  for (const Entry& entry : page.entries) bytes += entry.bytes();
  if (page.entries.size() == max_entries || bytes >= max_bytes) {
    page.upto = page.entries.back().sequence;
  }
  return page;
}

std::vector<Entry> Journal::ReadBack(uint64_t before, size_t max_entries) const {
  std::vector<Entry> entries;
  std::shared_ptr<Store> store;
  uint64_t tail_first = 0;
  {
    const base::MutexLock lock(mutex_);
    tail_first = TailFirst();
    for (auto entry = tail_.rbegin(); entry != tail_.rend() && entries.size() < max_entries;
         ++entry) {
      if (entry->sequence < before) entries.push_back(*entry);
    }
    store = store_;
  }
  if (store == nullptr || entries.size() == max_entries) return entries;
  auto older = store->Read(0, std::min(before, tail_first), /*newest_first=*/true,
                           max_entries - entries.size(), SIZE_MAX);
  if (!older.ok()) {
    OnReadError(older.status());
    return entries;
  }
  std::move(older->begin(), older->end(), std::back_inserter(entries));
  return entries;
}

uint64_t Journal::BeforeTime(int64_t wall_ns) const {
  std::shared_ptr<Store> store;
  uint64_t first = 0;
  {
    const base::MutexLock lock(mutex_);
    first = head_ + 1;
    for (const Entry& entry : tail_) {
      if (entry.wall_ns < wall_ns) continue;
      first = entry.sequence;
      break;
    }
    store = store_;
  }
  if (store != nullptr) {
    const auto found = store->FirstSince(wall_ns);
    if (!found.ok()) {
      OnReadError(found.status());
    } else if (found->has_value()) {
      first = std::min(first, **found);
    }
  }
  return first - 1;
}

void Journal::OnReadError(const absl::Status& status) const {
  log_.Error(base::StrCat("the journal cannot be read: ", status.message()));
  if (!absl::IsDataLoss(status)) return;
  const base::MutexLock lock(mutex_);
  damaged_ = true;
}

uint64_t Journal::head() const {
  const base::MutexLock lock(mutex_);
  return head_;
}

Position Journal::PositionOf(uint64_t sequence) const {
  const base::MutexLock lock(mutex_);
  // The first event of an epoch is read after a place that the one before has.
  auto epoch = std::find_if(epochs_.rbegin(), epochs_.rend(),
                            [&](const Epoch& candidate) { return candidate.first <= sequence; });
  return {.epoch = epoch == epochs_.rend() ? epochs_.front().id : epoch->id, .sequence = sequence};
}

absl::StatusOr<uint64_t> Journal::Resolve(Position position) const {
  const base::MutexLock lock(mutex_);
  const auto epoch = std::ranges::find(epochs_, position.epoch, &Epoch::id);
  if (epoch == epochs_.end()) {
    return absl::OutOfRangeError("the journal that this cursor was given by is not held any more");
  }
  const auto next = epoch + 1;
  const uint64_t end = next == epochs_.end() ? head_ : next->first - 1;
  if (next == epochs_.end() && position.sequence > end) {
    return absl::InvalidArgumentError("a cursor that was never given out");
  }
  // What an agent told and did not live to write: whoever has that has all of that epoch.
  const uint64_t after = std::min(position.sequence, end);
  if (after + 1 < Oldest()) {
    return absl::OutOfRangeError("the events after this cursor are not held any more");
  }
  return after;
}

void Journal::SaveState(const std::string& name, std::string value) {
  const base::MutexLock lock(mutex_);
  states_[name] = std::move(value);
  work_.NotifyAll();
}

absl::StatusOr<std::string> Journal::LoadState(const std::string& name) const {
  std::shared_ptr<Store> store;
  {
    const base::MutexLock lock(mutex_);
    if (const auto found = states_.find(name); found != states_.end()) return found->second;
    store = store_;
  }
  if (store == nullptr) return absl::NotFoundError(base::StrCat("no state ", name));
  return store->ReadState(name);
}

void Journal::SaveCursor(const std::string& reader, uint64_t sequence) {
  SaveState(base::StrCat(kCursorState, reader), FormatCursor("", PositionOf(sequence)));
}

std::optional<uint64_t> Journal::LoadCursor(const std::string& reader) const {
  const auto text = LoadState(base::StrCat(kCursorState, reader));
  if (!text.ok()) return std::nullopt;
  const auto position = ParseCursor(*text, "");
  if (!position.ok()) return std::nullopt;
  const auto sequence = Resolve(*position);
  if (!sequence.ok()) return std::nullopt;
  return *sequence;
}

JournalState Journal::state() const {
  const base::MutexLock lock(mutex_);
  JournalState state;
  state.directory = options_.directory;
  state.epoch = epochs_.back().id;
  state.oldest = Oldest();
  state.head = head_;
  state.dropped = dropped_;
  state.error = error_;
  if (store_ == nullptr) {
    state.events = tail_.size();
    state.bytes = tail_bytes_;
  } else {
    state.unwritten = head_ - written_;
    state.events = extent_.events + state.unwritten;
    state.bytes = bytes_;
  }
  return state;
}

}  // namespace oomtrail::journal
