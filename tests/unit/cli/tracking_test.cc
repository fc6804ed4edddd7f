#include "agent/cli/tracking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "agent/base/mutex.h"
#include "tests/fakes/fake_clock.h"

namespace oomtrail::cli {
namespace {

using kernel::TrackingMode;
using kernel::TrackingOptions;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using What = TrackFlags::What;

constexpr uint64_t kSecond = 1'000'000'000;

TEST(TrackingWishesTest, TheFlagsSayWhatIsFollowed) {
  EXPECT_EQ(TrackingWishes({}).At(0).mode, TrackingMode::kOff);
  const TrackingOptions all = TrackingWishes({.what = What::kAll, .events_per_second = 50}).At(0);
  EXPECT_EQ(all.mode, TrackingMode::kAdaptive);
  EXPECT_EQ(all.events_per_second, 50u);
  EXPECT_TRUE(all.kernel);
  EXPECT_TRUE(all.user);
  const TrackingOptions user = TrackingWishes({.what = What::kUser, .one_in = 7}).At(0);
  EXPECT_EQ(user.mode, TrackingMode::kProportional);
  EXPECT_EQ(user.one_in, 7u);
  EXPECT_FALSE(user.kernel);
  EXPECT_FALSE(TrackingWishes({.what = What::kKernel}).At(0).user);
}

TEST(TrackingWishesTest, PodsThatAskAreFollowedWhereTheFlagsSayNothing) {
  TrackingWishes off({});
  off.SetAsking({9, 4});
  EXPECT_EQ(off.At(0).mode, TrackingMode::kKeyed);
  EXPECT_THAT(off.At(0).cgroups, ElementsAre(4, 9));
  EXPECT_EQ(off.At(0).one_in, TrackingWishes::kAskedOneIn);
  TrackingWishes all({.what = What::kAll});
  all.SetAsking({9});
  EXPECT_EQ(all.At(0).mode, TrackingMode::kAdaptive) << "they are among all";
  TrackingWishes never({.what = What::kNever});
  never.SetAsking({9});
  EXPECT_EQ(never.At(0).mode, TrackingMode::kOff);
}

TEST(TrackingWishesTest, OfTooManyThatAskTheSameOnesAreFollowedEachTime) {
  TrackingWishes wishes({});
  std::vector<uint64_t> cgroups;
  for (uint64_t id = 1000; id > 0; --id) cgroups.push_back(id);
  wishes.SetAsking(cgroups);
  EXPECT_THAT(wishes.At(0).cgroups, SizeIs(TrackingOptions::kMaxKeys));
  EXPECT_EQ(wishes.At(0).cgroups.back(), TrackingOptions::kMaxKeys);
  EXPECT_TRUE(Validate(wishes.At(0)).ok());
}

TEST(TrackingWishesTest, AClientsWishEndsByItself) {
  TrackingWishes wishes({.what = What::kUser});
  ASSERT_TRUE(wishes.Set({.mode = TrackingMode::kOff}, 30 * kSecond));
  EXPECT_EQ(wishes.At(29 * kSecond).mode, TrackingMode::kOff);
  EXPECT_EQ(wishes.Until(29 * kSecond), 30 * kSecond);
  EXPECT_EQ(wishes.At(30 * kSecond).mode, TrackingMode::kAdaptive);
  EXPECT_EQ(wishes.Until(30 * kSecond), std::nullopt);
  EXPECT_FALSE(TrackingWishes({.what = What::kNever}).Set({}, kSecond));
}

// Does as it is told, and tells what it was told.
class FakeTracker {
 public:
  Tracking::Tracker Parts() {
    return {.configure =
                [this](const TrackingOptions& options) {
                  const base::MutexLock lock(mutex_);
                  modes_.push_back(options.mode);
                  changed_.NotifyAll();
                  return answer_;
                },
            .read = [] { return kernel::TrackingSnapshot{}; }};
  }
  void Refuse(absl::Status answer) {
    const base::MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  std::vector<TrackingMode> modes() const {
    const base::MutexLock lock(mutex_);
    return modes_;
  }
  // Until it was told so many times; false after long.
  bool Await(size_t calls) {
    const base::MutexLock lock(mutex_);
    for (int i = 0; i < 300 && modes_.size() < calls; ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return modes_.size() >= calls;
  }

 private:
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<TrackingMode> modes_ ABSL_GUARDED_BY(mutex_);
};

class TrackingTest : public testing::Test {
 protected:
  static constexpr TrackingOptions kAdaptive{.mode = TrackingMode::kAdaptive};

  fakes::FakeClock clock_;
  base::Log log_{base::LogFormat::kText, -1};
  FakeTracker tracker_;
};

TEST_F(TrackingTest, NothingIsLoadedWhereNothingIsToBeFollowed) {
  { Tracking tracking({}, tracker_.Parts(), clock_, log_); }
  EXPECT_THAT(tracker_.modes(), IsEmpty());
}

TEST_F(TrackingTest, WhatTheFlagsSayIsDoneAtOnce) {
  Tracking tracking({.what = What::kAll}, tracker_.Parts(), clock_, log_);
  ASSERT_TRUE(tracker_.Await(1));
  EXPECT_THAT(tracker_.modes(), ElementsAre(TrackingMode::kAdaptive));
}

TEST_F(TrackingTest, AClientWaitsUntilItIsSo) {
  Tracking tracking({}, tracker_.Parts(), clock_, log_);
  ASSERT_TRUE(tracking.Set(kAdaptive, 30).ok());
  EXPECT_THAT(tracker_.modes(), ElementsAre(TrackingMode::kAdaptive));
  EXPECT_EQ(tracking.state().until_wall_ns, clock_.WallFromBoot(clock_.BootNanos() + 30 * kSecond));
  EXPECT_EQ(tracking.state().options.mode, TrackingMode::kAdaptive);
  ASSERT_TRUE(tracking.Set({}, 0).ok());
  EXPECT_THAT(tracker_.modes(), ElementsAre(TrackingMode::kAdaptive, TrackingMode::kOff));
  EXPECT_FALSE(tracking.state().until_wall_ns);
}

TEST_F(TrackingTest, AClientThatIsGoneIsForgottenWhenItsTimeIsUp) {
  Tracking tracking({}, tracker_.Parts(), clock_, log_);
  ASSERT_TRUE(tracking.Set(kAdaptive, 30).ok());
  clock_.Advance(std::chrono::seconds(30));
  tracking.Tick();
  ASSERT_TRUE(tracker_.Await(2));
  EXPECT_THAT(tracker_.modes(), ElementsAre(TrackingMode::kAdaptive, TrackingMode::kOff));
}

TEST_F(TrackingTest, ThatItIsWantedForLongerChangesNothing) {
  Tracking tracking({}, tracker_.Parts(), clock_, log_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(tracking.Set(kAdaptive, 30).ok());
  EXPECT_THAT(tracker_.modes(), SizeIs(1));
}

TEST_F(TrackingTest, WhereTheNodeRefusesAllIsAsBefore) {
  Tracking tracking({.what = What::kNever}, tracker_.Parts(), clock_, log_);
  EXPECT_EQ(tracking.Set(kAdaptive, 30).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(tracker_.modes(), IsEmpty());

  Tracking refused({}, tracker_.Parts(), clock_, log_);
  tracker_.Refuse(absl::PermissionDeniedError("bpf: EPERM"));
  const absl::Status status = refused.Set(kAdaptive, 30);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << "not the client's fault";
  EXPECT_THAT(std::string(status.message()), HasSubstr("EPERM"));
  EXPECT_EQ(refused.state().options.mode, TrackingMode::kOff);
  EXPECT_EQ(refused.state().error, "");
  EXPECT_FALSE(refused.state().until_wall_ns);
}

TEST_F(TrackingTest, WhatTheFlagsWantAndTheNodeRefusesIsSaidAndNotTriedAgainAndAgain) {
  tracker_.Refuse(absl::FailedPreconditionError("no BTF"));
  Tracking tracking({.what = What::kAll}, tracker_.Parts(), clock_, log_);
  ASSERT_TRUE(tracker_.Await(1));
  // A client's wish goes through the same lock: then the thread has noted what it was told.
  EXPECT_FALSE(tracking.Set({.mode = TrackingMode::kProportional}, 30).ok());
  EXPECT_FALSE(tracking.Set({}, 0).ok());
  EXPECT_EQ(tracking.state().error, "no BTF");
  const size_t tried = tracker_.modes().size();
  for (int i = 0; i < 100; ++i) tracking.Tick();
  tracking.SetAsking({1});
  EXPECT_EQ(tracker_.modes().size(), tried);
}

}  // namespace
}  // namespace oomtrail::cli
