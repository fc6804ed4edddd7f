// What the tracker says of processes that allocate exactly so much, on this machine's own kernel.
#include "agent/kernel/allocation_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/strings.h"
#include "tests/fixtures/shadow_memory.h"
#include "tests/scenarios/cgroups.h"
#include "tests/unit/kernel/allocating_child.h"

namespace oomtrail::kernel {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMessages = 20'000;
constexpr double kMessagesBytes = static_cast<double>(kMessages * kObjectBytes);
constexpr size_t kTouchedBytes = 64UL << 20;
// Besides the messages: their queue, page tables, what an interrupt allocates meanwhile.
constexpr double kBesides = 0.02;
// That five standard errors are not enough happens once in two million.
constexpr double kStandardErrors = 5;

class AllocationTrackerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto tree = scenarios::CgroupTree::Open("/sys/fs/cgroup");
    if (!tree.ok()) return LeaveOut(tree.status());
    tree_ = std::make_unique<scenarios::CgroupTree>(*std::move(tree));
    TrackingOptions options;
    options.mode = TrackingMode::kProportional;
    if (const auto tracker = AllocationTracker::Start(features_, options); !tracker.ok()) {
      LeaveOut(tracker.status());
    }
  }
  static void LeaveOut(const absl::Status& status) {
    const std::string_view ci = std::getenv("CI") == nullptr ? "" : std::getenv("CI");
    if (ci == "true") FAIL() << status;
    GTEST_SKIP() << status;
  }

  void Start(const TrackingOptions& options) {
    auto tracker = AllocationTracker::Start(features_, options);
    ASSERT_TRUE(tracker.ok()) << tracker.status();
    tracker_ = *std::move(tracker);
  }
  scenarios::Cgroup Contain(const AllocatingChild& child, const std::string& name) {
    const auto cgroup = tree_->Make(tree_->top() + "/" + name);
    EXPECT_TRUE(cgroup.ok()) << cgroup.status();
    EXPECT_TRUE(tree_->Enter(*cgroup, static_cast<pid_t>(child.pid())).ok());
    return *cgroup;
  }

  std::optional<TrackedProcess> Process(uint32_t pid) const {
    for (const TrackedProcess& process : tracker_->Read().processes) {
      if (process.tgid == pid) return process;
    }
    return std::nullopt;
  }
  std::optional<TrackedCgroup> InCgroup(uint64_t id) const {
    for (const TrackedCgroup& cgroup : tracker_->Read().cgroups) {
      if (cgroup.cgroup_id == id) return cgroup;
    }
    return std::nullopt;
  }

  static void ExpectWithinError(const std::optional<KernelAllocations>& said, double truth) {
    ASSERT_TRUE(said.has_value());
    const double tolerance =
        said->allocated_bytes * said->relative_error * kStandardErrors + truth * kBesides;
    EXPECT_NEAR(said->allocated_bytes, truth, tolerance)
        << said->samples << " samples, error " << said->relative_error;
  }

  const KernelFeatures features_ = ProbeKernelFeatures();
  std::unique_ptr<scenarios::CgroupTree> tree_;
  std::unique_ptr<AllocationTracker> tracker_;
};

TrackingOptions Proportional(uint32_t one_in) {
  TrackingOptions options;
  options.mode = TrackingMode::kProportional;
  options.one_in = one_in;
  return options;
}

TrackingOptions KeyedBy(const AllocatingChild& child) {
  TrackingOptions options;
  options.mode = TrackingMode::kKeyed;
  options.one_in = 1;
  options.pids = {child.pid()};
  return options;
}

TEST_F(AllocationTrackerTest, EveryEventOfAChosenProcessIsExact) {
  AllocatingChild child([] { PassMessages(kMessages); }, "chosen");
  const auto cgroup = Contain(child, "chosen");
  Start(KeyedBy(child));
  ASSERT_TRUE(child.Allocate());
  const auto process = Process(child.pid());
  ASSERT_TRUE(process && process->kernel);
  EXPECT_EQ(process->comm, "chosen");
  EXPECT_EQ(process->cgroup_id, cgroup.inode);
  EXPECT_EQ(process->kernel->relative_error, 0);
  EXPECT_GE(process->kernel->allocated_bytes, kMessagesBytes);
  EXPECT_LE(process->kernel->allocated_bytes, kMessagesBytes * (1 + kBesides));
  EXPECT_FALSE(process->kernel->freed_bytes.has_value());
  const auto container = InCgroup(cgroup.inode);
  ASSERT_TRUE(container && container->kernel);
  EXPECT_EQ(container->kernel->allocated_bytes, process->kernel->allocated_bytes);
  EXPECT_EQ(tracker_->Read().refused, 0U);
}

TEST_F(AllocationTrackerTest, AChosenContainerIsExactAndOthersAreNotReported) {
  AllocatingChild chosen([] { PassMessages(kMessages); });
  AllocatingChild other([] { PassMessages(kMessages); });
  const auto cgroup = Contain(chosen, "chosen");
  const auto others = Contain(other, "other");
  TrackingOptions options;
  options.mode = TrackingMode::kKeyed;
  options.one_in = 1;
  options.cgroups = {cgroup.inode};
  Start(options);
  ASSERT_TRUE(chosen.Allocate() && other.Allocate());
  const auto container = InCgroup(cgroup.inode);
  ASSERT_TRUE(container && container->kernel);
  EXPECT_GE(container->kernel->allocated_bytes, kMessagesBytes);
  EXPECT_LE(container->kernel->allocated_bytes, kMessagesBytes * (1 + kBesides));
  EXPECT_FALSE(Process(other.pid()).has_value());
  EXPECT_FALSE(InCgroup(others.inode).has_value());
}

TEST_F(AllocationTrackerTest, OneInTenIsScaledBackWithinItsError) {
  AllocatingChild child([] { PassMessages(kMessages); });
  const auto cgroup = Contain(child, "sampled");
  Start(Proportional(10));
  ASSERT_TRUE(child.Allocate());
  const auto process = Process(child.pid());
  const auto container = InCgroup(cgroup.inode);
  ASSERT_TRUE(process && container);
  ExpectWithinError(process->kernel, kMessagesBytes);
  ExpectWithinError(container->kernel, kMessagesBytes);
  // 2,000 samples of one size: 1/√2000.
  EXPECT_NEAR(process->kernel->relative_error, 0.022, 0.003);
}

TEST_F(AllocationTrackerTest, ARateThatChangesMidwayScalesEachPartByItsOwn) {
  AllocatingChild child([] { PassMessages(kMessages / 2); });
  Start(Proportional(100));
  ASSERT_TRUE(child.Allocate());
  ASSERT_TRUE(tracker_->Configure(Proportional(4)).ok());
  ASSERT_TRUE(child.Allocate());
  const auto process = Process(child.pid());
  ASSERT_TRUE(process.has_value());
  ExpectWithinError(process->kernel, kMessagesBytes);
  EXPECT_EQ(tracker_->Read().one_in, 4U);
}

// A fast machine makes so many events that it looks in windows, a slow one so few that it need not.
TEST_F(AllocationTrackerTest, TheAdaptiveModeIsWithinItsErrorAlsoInWindows) {
  constexpr uint64_t kAtATime = 2000;
  constexpr int kCallsInWindows = 1000;
  constexpr int kCallsWithout = 400;
  AllocatingChild child([] { PassMessages(kAtATime); });
  TrackingOptions options;
  options.mode = TrackingMode::kAdaptive;
  options.one_in = 10;
  Start(options);
  int in_windows = 0;
  int without = 0;
  while (in_windows < kCallsInWindows && without < kCallsWithout) {
    ASSERT_TRUE(child.Allocate());
    ++(tracker_->Read().watched_share < 1 ? in_windows : without);
  }
  const auto process = Process(child.pid());
  ASSERT_TRUE(process.has_value());
  const double truth = static_cast<double>(in_windows + without) * kAtATime * kObjectBytes;
  ExpectWithinError(process->kernel, truth);
  EXPECT_LT(process->kernel->relative_error, 1) << "an error that says nothing";
  RecordProperty("said_over_truth", std::to_string(process->kernel->allocated_bytes / truth));
  RecordProperty("stated_error", std::to_string(process->kernel->relative_error));
  RecordProperty("calls_in_windows", in_windows);
}

TEST_F(AllocationTrackerTest, WhatIsHeldIsWhatWasNotFreed) {
  constexpr int kQueues = 100;
  std::vector<MessageQueue> queues(kQueues);  // ours, so that they go when we do
  AllocatingChild child([&] {
    PassMessages(kMessages);
    for (MessageQueue& queue : queues) {
      for (int held = 0; held < MessageQueue::kHeld; ++held) {
        if (!queue.Send()) ::_exit(4);
      }
    }
  });
  TrackingOptions options = KeyedBy(child);
  options.frees = true;
  auto tracker = AllocationTracker::Start(features_, options);
  if (absl::IsFailedPrecondition(tracker.status())) GTEST_SKIP() << tracker.status();
  ASSERT_TRUE(tracker.ok()) << tracker.status();
  tracker_ = *std::move(tracker);
  ASSERT_TRUE(child.Allocate());
  const auto process = Process(child.pid());
  ASSERT_TRUE(process && process->kernel && process->kernel->freed_bytes);
  const double held = kQueues * MessageQueue::kHeld * static_cast<double>(kObjectBytes);
  const double said = process->kernel->allocated_bytes - *process->kernel->freed_bytes;
  EXPECT_GE(said, held);
  EXPECT_LE(said, held * (1 + kBesides));
  EXPECT_GE(*process->kernel->freed_bytes, kMessagesBytes);
}

TEST_F(AllocationTrackerTest, ResidentMemoryIsAbsoluteHoweverFewEventsAreSampled) {
  if (fixtures::kHasShadowMemory) GTEST_SKIP() << "a sanitizer's memory would be measured too";
  constexpr uint32_t kOneIn = 50;
  AllocatingChild child([] { TouchMemory(kTouchedBytes); });
  const auto cgroup = Contain(child, "resident");
  Start(Proportional(kOneIn));
  ASSERT_TRUE(child.Allocate());
  const auto process = Process(child.pid());
  const auto container = InCgroup(cgroup.inode);
  ASSERT_TRUE(process && process->resident && process->resident->anon_bytes);
  // As of the last sample, which is some kOneIn pages ago.
  const uint64_t ago = features_.page_size * kOneIn * 10;
  const uint64_t error = tracker_->Read().resident_error_bytes + ago;
  EXPECT_NEAR(static_cast<double>(*process->resident->anon_bytes),
              static_cast<double>(kTouchedBytes), static_cast<double>(error));
  ASSERT_TRUE(container && container->resident);
  EXPECT_EQ(container->resident->anon_bytes, process->resident->anon_bytes);
}

TEST_F(AllocationTrackerTest, AProcessThatAllocatesNothingIsNotReported) {
  AllocatingChild idle([] {});
  AllocatingChild child([] { PassMessages(kMessages); });
  Start(Proportional(1));
  ASSERT_TRUE(child.Allocate());
  EXPECT_TRUE(Process(child.pid()).has_value());
  EXPECT_FALSE(Process(idle.pid()).has_value());
}

TEST_F(AllocationTrackerTest, AProcessThatEndedIsGoneAndItsContainerRemembers) {
  std::optional<scenarios::Cgroup> cgroup;
  uint32_t pid = 0;
  {
    AllocatingChild child([] { PassMessages(kMessages); });
    pid = child.pid();
    cgroup = Contain(child, "ended");
    Start(Proportional(10));
    ASSERT_TRUE(child.Allocate());
    EXPECT_TRUE(Process(pid).has_value());
  }
  EXPECT_FALSE(Process(pid).has_value());
  const auto container = InCgroup(cgroup->inode);
  ASSERT_TRUE(container.has_value());
  ExpectWithinError(container->kernel, kMessagesBytes);
}

TEST_F(AllocationTrackerTest, OnlyTheKindThatWasAskedForIsReported) {
  AllocatingChild child([] {
    PassMessages(kMessages);
    TouchMemory(kTouchedBytes);
  });
  TrackingOptions options = KeyedBy(child);
  options.kernel = false;
  Start(options);
  ASSERT_TRUE(child.Allocate());
  auto process = Process(child.pid());
  ASSERT_TRUE(process.has_value());
  EXPECT_FALSE(process->kernel.has_value());
  EXPECT_TRUE(process->resident.has_value());
}

TEST_F(AllocationTrackerTest, OffLetsGoOfEverythingAndCanBeginAgain) {
  AllocatingChild child([] { PassMessages(kMessages); });
  Start(KeyedBy(child));
  ASSERT_TRUE(child.Allocate());
  ASSERT_TRUE(tracker_->Configure(TrackingOptions()).ok());
  ASSERT_TRUE(child.Allocate());
  const TrackingSnapshot off = tracker_->Read();
  EXPECT_EQ(off.mode, TrackingMode::kOff);
  EXPECT_EQ(off.one_in, 0U);
  EXPECT_TRUE(off.processes.empty());
  ASSERT_TRUE(tracker_->Configure(KeyedBy(child)).ok());
  ASSERT_TRUE(child.Allocate());
  const auto process = Process(child.pid());
  ASSERT_TRUE(process && process->kernel);
  EXPECT_LE(process->kernel->allocated_bytes, kMessagesBytes * (1 + kBesides));
}

TEST_F(AllocationTrackerTest, OptionsThatAreRefusedChangeNothing) {
  Start(Proportional(7));
  TrackingOptions wrong = Proportional(0);
  EXPECT_TRUE(absl::IsInvalidArgument(tracker_->Configure(wrong)));
  EXPECT_EQ(tracker_->options().one_in, 7U);
  EXPECT_EQ(tracker_->Read().one_in, 7U);
}

TEST(AllocationTrackerStartTest, SaysWhatIsMissingWithoutBtf) {
  KernelFeatures features;
  features.btf_error = "read the kernel's BTF: ENOENT";
  TrackingOptions options;
  options.mode = TrackingMode::kAdaptive;
  const auto tracker = AllocationTracker::Start(features, options);
  EXPECT_TRUE(absl::IsFailedPrecondition(tracker.status()));
  EXPECT_THAT(std::string(tracker.status().message()), HasSubstr("CONFIG_DEBUG_INFO_BTF"));
}

TEST(AllocationTrackerStartTest, OffNeedsNothing) {
  const auto tracker = AllocationTracker::Start(KernelFeatures(), TrackingOptions());
  ASSERT_TRUE(tracker.ok());
  EXPECT_EQ((*tracker)->Read().mode, TrackingMode::kOff);
}

struct Wrong {
  const char* name;
  void (*damage)(TrackingOptions&);
  const char* says;
};
class TrackingOptionsTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(TrackingOptionsTest, AreRefusedByTheNameOfTheOption) {
  TrackingOptions options;
  options.mode = TrackingMode::kKeyed;
  options.pids = {1};
  ASSERT_TRUE(Validate(options).ok());
  GetParam().damage(options);
  const absl::Status status = Validate(options);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    , TrackingOptionsTest,
    ::testing::Values(
        Wrong{"NoRate", [](auto& o) { o.one_in = 0; }, "one_in"},
        Wrong{"TooRare", [](auto& o) { o.one_in = TrackingOptions::kMaxOneIn + 1; }, "one_in"},
        Wrong{"NoBudget", [](auto& o) { o.events_per_second = 0; }, "events_per_second"},
        Wrong{"TooMuchBudget", [](auto& o) { o.events_per_second = UINT32_MAX; },
              "events_per_second"},
        Wrong{"NoKeys", [](auto& o) { o.pids.clear(); }, "cgroups and pids"},
        Wrong{"TooManyKeys", [](auto& o) { o.cgroups.resize(TrackingOptions::kMaxKeys); },
              "cgroups and pids"},
        Wrong{"KeysNotAskedFor", [](auto& o) { o.mode = TrackingMode::kAdaptive; }, "keyed"},
        Wrong{"NeitherKind", [](auto& o) { o.kernel = o.user = false; }, "neither"},
        Wrong{"FreesOfNothing",
              [](auto& o) {
                o.kernel = false;
                o.frees = true;
              },
              "frees"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace oomtrail::kernel
