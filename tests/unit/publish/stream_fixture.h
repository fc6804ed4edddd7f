// A stream over a journal, and events that are easy to tell apart.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/strings.h"
#include "agent/journal/journal.h"
#include "agent/publish/stream.h"
#include "tests/fakes/fake_clock.h"

namespace oomtrail::publish {

// The kill number `number`, in the namespace `ns`.
inline model::Event NumberedKill(uint64_t number, const std::string& ns) {
  model::Event event;
  event.id = base::StrCat("kill-", number);
  event.victim = model::Victim{.pid = static_cast<uint32_t>(number)};
  event.pod = model::PodFacts{.name = "pod", .ns = ns};
  event.attribution.status = model::AttributionStatus::kFull;
  event.cgroup_path = "/kubepods";
  return event;
}

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() { Restart({}); }

  void Restart(StreamBounds bounds) {
    stream_.reset();
    journal_.reset();
    journal_ = *journal::Journal::Open(journal_options_, clock_, log_);
    stream_ = std::make_unique<Stream>(*journal_, clock_, "node", bounds);
  }

  // The next event's number, which is its sequence too.
  uint64_t Publish(const std::string& ns = "shop") {
    auto event = NumberedKill(++published_, ns);
    event.wall_ns = clock_.WallNanos();
    EXPECT_NE(stream_->Publish(std::move(event)), nullptr);
    stream_->Wake();
    return published_;
  }

  std::unique_ptr<Subscription> Subscribe(
      SubscriptionOptions options, std::function<void()> wake = [] {}) {
    auto subscription = stream_->Subscribe(std::move(options), std::move(wake));
    EXPECT_TRUE(subscription.ok()) << subscription.status();
    return subscription.ok() ? *std::move(subscription) : nullptr;
  }

  static EventSelection Only(const std::string& ns) {
    EventSelection selection;
    selection.allow.push_back({.namespaces = {ns}});
    return selection;
  }

  fakes::FakeClock clock_;
  const base::Log log_{base::LogFormat::kText, -1};
  journal::JournalOptions journal_options_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<Stream> stream_;
  uint64_t published_ = 0;
};

}  // namespace oomtrail::publish
