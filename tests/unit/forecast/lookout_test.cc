// The lookout's thread, over files that a test makes.
#include "agent/forecast/lookout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::forecast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

class LookoutTest : public ::testing::Test {
 protected:
  std::unique_ptr<Lookout> Start() {
    kernel::KernelFeatures features;
    features.btf_error = "no BTF here";
    auto lookout = Lookout::Start({.mount = {.directory = dir_ / "cgroup"},
                                   .proc_root = dir_ / "proc",
                                   .rule = {},
                                   .features = features},
                                  clock_, log_, [] {});
    EXPECT_TRUE(lookout.ok()) << lookout.status();
    return lookout.ok() ? *std::move(lookout) : nullptr;
  }
  // Its first pass comes at once, the others every second.
  static std::vector<CgroupTrend> WaitForTrends(const Lookout& lookout, size_t count) {
    std::vector<CgroupTrend> trends;
    while (trends.size() < count) {
      std::this_thread::yield();
      trends = lookout.Trends();
    }
    return trends;
  }

  const fakes::TempDir dir_;
  const base::SystemClock clock_;
  const base::Log log_{base::LogFormat::kText};
};

TEST_F(LookoutTest, WatchesByFilesWhereTheIteratorIsRefusedAndSaysWhy) {
  dir_.Write("proc/meminfo", "MemTotal: 16 kB\nMemAvailable: 4 kB\n");
  dir_.Write("cgroup/app/memory.current", "4096\n");
  dir_.Write("cgroup/app/memory.max", "8192\n");
  const auto lookout = Start();
  ASSERT_NE(lookout, nullptr);
  lookout->SetCgroups({{.id = {7}, .path = "/app", .identity = {}}});
  const auto trends = WaitForTrends(*lookout, 2);
  EXPECT_EQ(trends[0].cgroup.path, "/app");
  EXPECT_EQ(trends[0].usage_bytes, 4096u);
  ASSERT_TRUE(trends[0].limit);
  EXPECT_THAT(trends[0].limit->bytes, Optional(8192u));
  EXPECT_FALSE(trends[1].cgroup.id.known()) << "the node";
  EXPECT_EQ(trends[1].usage_bytes, 12u * 1024);
  const LookoutState state = lookout->state();
  EXPECT_EQ(state.reader, "cgroup_files");
  EXPECT_THAT(state.reader_reason, HasSubstr("no BTF here"));
  EXPECT_EQ(state.targets, 1u);
  EXPECT_FALSE(state.pressure);
}

TEST_F(LookoutTest, NothingThatCannotBeReadEndsIt) {
  const auto lookout = Start();
  ASSERT_NE(lookout, nullptr);
  lookout->SetCgroups({{.id = {7}, .path = "/gone", .identity = {}}});
  while (lookout->state().passes < 2) std::this_thread::yield();
  EXPECT_THAT(lookout->Trends(), IsEmpty());
}

TEST_F(LookoutTest, AKillThatNobodyWarnedOfIsNotWarned) {
  const auto lookout = Start();
  ASSERT_NE(lookout, nullptr);
  EXPECT_FALSE(lookout->OnKill({7}, "/app", model::CgroupId{7}, 1).warned);
  EXPECT_THAT(lookout->TakeNotices(), IsEmpty());
}

// For ThreadSanitizer: the pipeline's thread and those that ask, all at once.
TEST_F(LookoutTest, AllMayAskWhileItWorks) {
  dir_.Write("proc/meminfo", "MemTotal: 16 kB\nMemAvailable: 4 kB\n");
  dir_.Write("cgroup/app/memory.current", "4096\n");
  dir_.Write("cgroup/app/memory.max", "8192\n");
  const auto lookout = Start();
  ASSERT_NE(lookout, nullptr);
  std::atomic<bool> done = false;
  std::thread asking([&] {
    while (!done) {
      lookout->Trends();
      lookout->state();
    }
  });
  while (lookout->state().passes < 3) {
    lookout->SetCgroups({{.id = {7}, .path = "/app", .identity = {}}});
    lookout->SetRules({{"pod", {.on = false}}});
    lookout->OnKill({7}, "/app", model::CgroupId{7}, clock_.BootNanos());
    lookout->TakeNotices();
  }
  done = true;
  asking.join();
}

}  // namespace
}  // namespace oomtrail::forecast
