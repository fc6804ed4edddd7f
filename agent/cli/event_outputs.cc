#include "agent/cli/event_outputs.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/kernel/hooks.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "agent/publish/journal_event.h"

namespace oomtrail::cli {
namespace {

constexpr const char* kMetricsState = "metrics";
constexpr uint64_t kSaveTicks = 10;

journal::JournalOptions JournalOptionsOf(const AgentOptions& options) {
  return {.directory = options.journal_dir,
          .max_bytes = uint64_t{options.journal_max_mib} << 20,
          .max_age = std::chrono::hours(24 * options.journal_max_days)};
}

// Whose series exist before anything is lost.
std::vector<std::string> LossStages() {
  std::vector<std::string> stages = kernel::Hooks::EventLossNames();
  stages.insert(stages.end(), {"decode", "kmsg_overrun", "log_backlog"});
  return stages;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventOutputs>> EventOutputs::Open(const AgentOptions& options,
                                                                 bool has_sources,
                                                                 const base::Clock& clock,
                                                                 const base::Log& log) {
  auto wanted = JournalOptionsOf(options);
  auto journal = journal::Journal::Open(wanted, clock, log);
  // Another agent's journal is never a default's fault; a disk that takes nothing never an error.
  const bool fatal = absl::IsAlreadyExists(journal.status()) ||
                     (!options.journal_by_default && !absl::IsUnavailable(journal.status()) &&
                      !absl::IsResourceExhausted(journal.status()));
  if (!journal.ok() && !fatal) {
    log.Warn(base::StrCat("the journal is kept in memory, and forgotten at the end: ",
                          journal.status().message(), " (another --journal, or none?)"));
    wanted.directory.clear();
    journal = journal::Journal::Open(wanted, clock, log);
  }
  if (!journal.ok()) {
    return base::Annotate(journal.status(), base::StrCat("--journal ", options.journal_dir));
  }
  return std::unique_ptr<EventOutputs>(
      new EventOutputs(options, has_sources, clock, log, *std::move(journal)));
}

EventOutputs::EventOutputs(const AgentOptions& options, bool has_sources, const base::Clock& clock,
                           const base::Log& log, std::unique_ptr<journal::Journal> journal)
    : format_(options.log_format),
      log_(log),
      journal_(std::move(journal)),
      stream_(*journal_, clock, options.node_name,
              {.max_subscribers = options.serving.max_subscribers}),
      metrics_(clock, {.has_sources = has_sources, .loss_stages = LossStages()}),
      lines_(STDOUT_FILENO) {
  RestoreMetrics();
}

EventOutputs::~EventOutputs() { SaveMetrics(); }

// The counters as they were saved, and what has been journaled since.
void EventOutputs::RestoreMetrics() {
  saved_head_ = journal_->head();
  const auto state = journal_->LoadState(kMetricsState);
  if (absl::IsNotFound(state.status())) return CountJournal(journal_->state().oldest - 1);
  const std::string_view text = state.ok() ? *state : std::string_view();
  const size_t end = text.find('\n');
  const auto position = journal::ParseCursor(text.substr(0, end), "");
  absl::Status restored = position.status();
  if (restored.ok() && end != std::string_view::npos) {
    restored = metrics_.Restore(text.substr(end + 1));
  }
  if (!restored.ok()) {
    log_.Warn(base::StrCat("the counters begin at 0: ", restored.message()));
    return;
  }
  // Where what came later has been let go, it is what is left that counts.
  const auto after = journal_->Resolve(*position);
  CountJournal(after.ok() ? *after : journal_->state().oldest - 1);
}

void EventOutputs::CountJournal(uint64_t after) {
  for (uint64_t read = after; read < saved_head_;) {
    constexpr size_t kPage = 128;
    const journal::Page page = journal_->Read(read, kPage, 1 << 20);
    for (const journal::Entry& entry : page.entries) {
      if (const auto event = publish::FromEntry(entry); event.ok())
        metrics_.CountFromJournal(*event);
    }
    if (page.upto == read) break;
    read = page.upto;
  }
}

void EventOutputs::SaveMetrics() {
  saved_head_ = journal_->head();
  journal_->SaveState(kMetricsState,
                      base::StrCat(journal::FormatCursor("", journal_->PositionOf(saved_head_)),
                                   "\n", metrics_.Save()));
}

void EventOutputs::Publish(model::Event event) {
  const auto told = stream_.Publish(std::move(event));
  if (told == nullptr) return;
  // A program that acts on it comes before people who read of it.
  stream_.Wake();
  lines_.Write(format_ == base::LogFormat::kJson ? publish::ToJson(*told) : publish::ToText(*told));
  metrics_.Count(*told);
  const base::MutexLock lock(mutex_);
  if (told->loss) totals_.losses[told->loss->stage] += told->loss->count;
  if (told->revision == 0) ++totals_.events;
}

void EventOutputs::Tick() {
  stream_.Tick();
  metrics_.Tick();
  if (++ticks_ % kSaveTicks == 0 && journal_->head() != saved_head_) SaveMetrics();
}

uint64_t EventOutputs::Flush() {
  if (lines_.has_backlog()) lines_.Flush();
  if (lines_.broken()) {
    if (!std::exchange(told_broken_, true)) {
      log_.Error("stdout is closed: events cannot be written any more");
    }
    return 0;
  }
  return lines_.has_backlog() ? 0 : lines_.TakeDropped();
}

EventOutputs::Totals EventOutputs::totals() const {
  const base::MutexLock lock(mutex_);
  return totals_;
}

}  // namespace oomtrail::cli
