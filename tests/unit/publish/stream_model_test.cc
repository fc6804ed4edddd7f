// Subscribers of random speeds and filters that come and go: each gets every event that matches,
// once and in order, or is told exactly how many it missed.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <semaphore>
#include <thread>

#include "tests/unit/publish/stream_fixture.h"

namespace oomtrail::publish {
namespace {

const std::string kNamespaces[] = {"a", "b", "c"};

// Holds what a subscriber is told against what was published: the namespace of each sequence.
class Auditor {
 public:
  Auditor(uint64_t after, std::string ns) : seen_(after), ns_(std::move(ns)) {}

  void Check(const StreamItem& item, const std::vector<std::string>& published) {
    ASSERT_GE(item.sequence, seen_);
    switch (item.kind) {
      case StreamItem::Kind::kEvent:
        ASSERT_EQ(item.event->id, base::StrCat("kill-", item.sequence));
        ASSERT_EQ(Matching(seen_ + 1, item.sequence, published), 1U) << "of " << item.sequence;
        ASSERT_TRUE(Matches(item.sequence, published));
        break;
      case StreamItem::Kind::kSubscriberLoss:
        ASSERT_EQ(Matching(seen_ + 1, item.first - 1, published), 0U);
        ASSERT_EQ(Matching(item.first, item.sequence, published), item.count);
        lost_ += item.count;
        break;
      case StreamItem::Kind::kJournalLoss:
        ASSERT_EQ(Matching(seen_ + 1, item.first - 1, published), 0U);
        ASSERT_EQ(item.sequence - item.first + 1, item.count);
        lost_ += item.count;
        break;
      case StreamItem::Kind::kBookmark:
        ASSERT_EQ(Matching(seen_ + 1, item.sequence, published), 0U);
        break;
    }
    seen_ = item.sequence;
  }

  void CheckComplete(const std::vector<std::string>& published) const {
    EXPECT_EQ(Matching(seen_ + 1, published.size(), published), 0U);
  }
  uint64_t seen() const { return seen_; }
  uint64_t lost() const { return lost_; }

 private:
  bool Matches(uint64_t sequence, const std::vector<std::string>& published) const {
    return ns_.empty() || published[sequence - 1] == ns_;
  }
  uint64_t Matching(uint64_t first, uint64_t last,
                    const std::vector<std::string>& published) const {
    uint64_t count = 0;
    for (uint64_t sequence = first; sequence <= last; ++sequence) {
      if (Matches(sequence, published)) ++count;
    }
    return count;
  }

  uint64_t seen_;
  const std::string ns_;
  uint64_t lost_ = 0;
};

struct Listener {
  std::unique_ptr<Subscription> subscription;
  Auditor auditor;
  uint32_t speed = 1;  // items a turn
};

class StreamModelTest : public StreamTest, public ::testing::WithParamInterface<uint32_t> {
 protected:
  std::unique_ptr<Listener> Join(std::mt19937& random) {
    const uint64_t after =
        random() % 3 == 0 ? published_ - random() % (published_ + 1) : published_;
    const std::string ns = random() % 2 == 0 ? "" : kNamespaces[random() % 3];
    SubscriptionOptions options{.after = after, .follow = true};
    if (!ns.empty()) options.selection = Only(ns);
    return std::make_unique<Listener>(Listener{Subscribe(std::move(options)), Auditor(after, ns),
                                               static_cast<uint32_t>(random() % 4)});
  }
};

TEST_P(StreamModelTest, EverySubscriberHearsEverythingOrHowMuchItMissed) {
  std::mt19937 random(GetParam());
  if (random() % 2 == 0) journal_options_.memory_bytes = 50'000;
  Restart({.max_subscribers = 40, .max_queue = 1 + random() % 20});
  std::vector<std::string> published;
  std::vector<std::unique_ptr<Listener>> listeners;
  uint64_t lost = 0;
  // One that sleeps: without losses there would be little to test.
  listeners.push_back(std::make_unique<Listener>(
      Listener{Subscribe({.follow = true}), Auditor(0, ""), /*speed=*/0}));
  listeners.back()->subscription->Take();
  for (int step = 0; step < 4'000; ++step) {
    switch (random() % 8) {
      case 0:
        if (listeners.size() < 30) listeners.push_back(Join(random));
        break;
      case 1:
        if (listeners.size() > 1 && random() % 4 == 0) listeners.erase(listeners.begin() + 1);
        break;
      case 2:
        clock_.Advance(std::chrono::seconds(random() % 5));
        stream_->Tick();
        break;
      case 3:
      case 4:
        published.push_back(kNamespaces[random() % 3]);
        Publish(published.back());
        break;
      default:
        for (const auto& listener : listeners) {
          for (uint32_t i = 0; i < listener->speed; ++i) {
            const auto item = listener->subscription->Take();
            if (!item) break;
            listener->auditor.Check(*item, published);
            if (HasFatalFailure()) return;
          }
        }
    }
  }
  for (const auto& listener : listeners) {
    while (const auto item = listener->subscription->Take()) {
      listener->auditor.Check(*item, published);
      if (HasFatalFailure()) return;
    }
    listener->auditor.CheckComplete(published);
    lost += listener->auditor.lost();
  }
  EXPECT_GT(lost, 0U) << "a test of losses without one";
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamModelTest, ::testing::Range(1U, 21U));

// The same with threads: one that publishes, and subscribers that sleep until they are woken.
TEST_F(StreamTest, HoldsWithEverySubscriberOnAThreadOfItsOwn) {
  constexpr uint64_t kEvents = 20'000;
  constexpr int kThreads = 6;
  Restart({.max_queue = 64});
  std::vector<std::string> published;
  for (uint64_t i = 0; i < kEvents; ++i) published.push_back(kNamespaces[i % 3]);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(static_cast<uint32_t>(i));
      for (int round = 0; round < 3; ++round) {
        // The subscription may go while it is being woken: the wake function owns what it touches.
        const auto woken = std::make_shared<std::counting_semaphore<>>(0);
        const std::string ns = i % 2 == 0 ? "" : kNamespaces[i % 3];
        const uint64_t after = round == 0 ? 0 : journal_->head() / 2;
        SubscriptionOptions options{.after = after, .follow = true};
        if (!ns.empty()) options.selection = Only(ns);
        auto subscription = *stream_->Subscribe(std::move(options), [woken] { woken->release(); });
        Auditor auditor(after, ns);
        const uint64_t until = round == 2 ? kEvents - 3 : kEvents / 3;
        while (auditor.seen() < until) {
          const auto item = subscription->Take();
          if (!item) {
            woken->acquire();
            continue;
          }
          auditor.Check(*item, published);
          if (::testing::Test::HasFatalFailure()) {
            ++failed;
            return;
          }
          if (random() % 64 == 0) std::this_thread::yield();
        }
      }
    });
  }
  for (uint64_t i = 0; i < kEvents; ++i) Publish(published[i]);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace oomtrail::publish
