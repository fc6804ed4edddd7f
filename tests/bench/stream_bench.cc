// Events a second through decode → attribute → journal → one subscriber, until the last of them is
// written: the pipeline's thread does all but the writing, which the journal's does beside it, on a
// real disk. Budget: 50,000.
#include <benchmark/benchmark.h>

#include <memory>

#include "agent/base/log.h"
#include "agent/journal/journal.h"
#include "agent/publish/journal_event.h"
#include "agent/publish/stream.h"
#include "tests/bench/stages.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::bench {
namespace {

// What is journaled, and the subscriber that takes it.
class Told {
 public:
  explicit Told(bool on_disk) {
    journal::JournalOptions options;
    if (on_disk) options.directory = dir_ / "journal";
    journal_ = *journal::Journal::Open(options, clock_, log_);
    stream_ = std::make_unique<publish::Stream>(*journal_, clock_, "node-17");
    subscription_ = *stream_->Subscribe({.follow = true}, [] {});
    subscription_->Take();
  }

  bool Tell(model::Event event) {
    stream_->Publish(std::move(event));
    const auto item = subscription_->Take();
    return item && item->kind == publish::StreamItem::Kind::kEvent;
  }
  journal::Journal& journal() { return *journal_; }

 private:
  fakes::TempDir dir_;
  base::SystemClock clock_;
  base::Log log_{base::LogFormat::kText};
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<publish::Stream> stream_;
  std::unique_ptr<publish::Subscription> subscription_;
};

void BM_RecordToSubscriber(benchmark::State& state) {
  Stages stages;
  Told told(/*on_disk=*/true);
  constexpr int kStorm = 2'000;
  for (auto _ : state) {
    for (int i = 0; i < kStorm; ++i) {
      if (!told.Tell(stages.NextEvent())) state.SkipWithError("the subscriber did not hear of it");
    }
    if (!told.journal().Flush().ok()) state.SkipWithError("the journal cannot be written");
  }
  state.SetItemsProcessed(state.iterations() * kStorm);
  if (told.journal().state().dropped != 0) state.SkipWithError("the journal is too slow");
}
BENCHMARK(BM_RecordToSubscriber)->UseRealTime()->Unit(benchmark::kMillisecond);

// The same without a disk: what the pipeline's thread itself takes.
void BM_RecordToSubscriberInMemory(benchmark::State& state) {
  Stages stages;
  Told told(/*on_disk=*/false);
  for (auto _ : state) told.Tell(stages.NextEvent());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RecordToSubscriberInMemory);

void BM_EventToEntry(benchmark::State& state) {
  Stages stages;
  const model::Event event = stages.NextEvent();
  for (auto _ : state) benchmark::DoNotOptimize(publish::ToEntry(event));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EventToEntry);

void BM_EntryToEvent(benchmark::State& state) {
  Stages stages;
  const journal::Entry entry = publish::ToEntry(stages.NextEvent());
  for (auto _ : state) benchmark::DoNotOptimize(publish::FromEntry(entry));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EntryToEvent);

}  // namespace
}  // namespace oomtrail::bench
