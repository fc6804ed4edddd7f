// The lookout and its readers against memory cgroups of this machine's kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/forecast/cgroup_files_reader.h"
#include "agent/forecast/lookout.h"
#include "agent/forecast/pressure.h"
#include "agent/forecast/usage_reader.h"
#include "agent/kernel/kernel_features.h"
#include "tests/fixtures/real_cgroups.h"
#include "tests/fixtures/shadow_memory.h"

namespace oomtrail::forecast {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr uint64_t kMib = 1024 * 1024;
constexpr uint64_t kLimit = 64 * kMib;

class LookoutLiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string limit =
        cgroups_.mount().version == 2 ? "memory.max" : "memory.limit_in_bytes";
    if (cgroups_.problem().empty()) path_ = cgroups_.Make("leaking");
    if (cgroups_.mount().version == 2) {
      cgroups_.Write(cgroups_.root(), "cgroup.subtree_control", "+memory");
    }
    if (path_.empty() || !cgroups_.Write(path_, limit, std::to_string(kLimit))) {
      ASSERT_FALSE(fixtures::InCi()) << cgroups_.problem();
      GTEST_SKIP() << "no memory cgroup to make: " << cgroups_.problem();
    }
  }

  // A process in the cgroup that takes `bytes`, so much a second, and then waits for its end.
  pid_t Take(uint64_t bytes, uint64_t bytes_per_second) const {
    const pid_t child = ::fork();
    if (child != 0) return child;
    constexpr uint64_t kStep = 256 * 1024;
    if (!cgroups_.Write(path_, "cgroup.procs", std::to_string(::getpid()))) ::_exit(1);
    auto* memory = static_cast<char*>(
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    const timespec pause{.tv_sec = 0,
                         .tv_nsec = static_cast<long>(1'000'000'000 * kStep / bytes_per_second)};
    for (uint64_t taken = 0; taken < bytes; taken += kStep) {
      std::memset(memory + taken, 1, kStep);
      ::nanosleep(&pause, nullptr);
    }
    while (true) ::pause();
  }

  static void Reap(pid_t child, int* status) { ASSERT_EQ(::waitpid(child, status, 0), child); }

  const fixtures::RealCgroups cgroups_;
  std::string path_;
  base::SystemClock clock_;
  const kernel::KernelFeatures features_ = kernel::ProbeKernelFeatures();
};

TEST_F(LookoutLiveTest, TheIteratorAndTheFilesAgree) {
  auto iterator = OpenIteratorReader(features_, cgroups_.mount());
  if (!iterator.ok()) GTEST_SKIP() << iterator.status();
  CgroupFilesReader files(cgroups_.mount());
  const std::string unlimited = cgroups_.Make("unlimited");
  const pid_t child = Take(16 * kMib, 1024 * kMib);
  const std::vector<UsageQuestion> questions = {
      {.id = cgroups_.IdOf(path_), .path = path_, .often = true},
      {.id = cgroups_.IdOf(unlimited), .path = unlimited},
      {.id = {0xfeed'0000'0000}, .path = "/oomtrail-nobody"}};
  std::vector<std::optional<Usage>> by_iterator;
  std::vector<std::optional<Usage>> by_files;
  // Until it has taken what it takes; a growing one is never read twice alike.
  do {
    ASSERT_TRUE((*iterator)->Read(clock_.BootNanos(), questions, by_iterator).ok());
    ASSERT_TRUE(files.Read(clock_.BootNanos(), questions, by_files).ok());
    ASSERT_TRUE(by_files[0]);
  } while (by_files[0]->usage_bytes < 16 * kMib || !by_iterator[0] ||
           by_iterator[0]->usage_bytes != by_files[0]->usage_bytes);
  EXPECT_EQ(by_iterator[0]->limit_bytes, kLimit);
  EXPECT_EQ(by_files[0]->limit_bytes, kLimit);
  ASSERT_TRUE(by_iterator[1] && by_files[1]);
  EXPECT_EQ(by_iterator[1]->usage_bytes, by_files[1]->usage_bytes);
  EXPECT_FALSE(by_iterator[1]->limit_bytes);
  EXPECT_FALSE(by_files[1]->limit_bytes);
  EXPECT_FALSE(by_iterator[2]);
  EXPECT_FALSE(by_files[2]);
  ::kill(child, SIGKILL);
  int status = 0;
  Reap(child, &status);
}

TEST_F(LookoutLiveTest, ASlowLeakIsWarnedOfTenSecondsBeforeTheKernelKills) {
  if (fixtures::kHasShadowMemory) GTEST_SKIP() << "a sanitizer's memory would be measured too";
  const model::CgroupId id = cgroups_.IdOf(path_);
  const pid_t child = Take(2 * kLimit, 7 * kMib / 4);
  const base::Log log(base::LogFormat::kText);
  auto lookout =
      Lookout::Start({.mount = cgroups_.mount(), .features = features_}, clock_, log, [] {});
  ASSERT_TRUE(lookout.ok()) << lookout.status();
  (*lookout)->SetCgroups({{.id = id, .path = path_, .identity = {}}});
  int status = 0;
  Reap(child, &status);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  const model::Warned warned = (*lookout)->OnKill(id, path_, id, clock_.BootNanos());
  EXPECT_TRUE(warned.warned);
  EXPECT_GE(warned.seconds_before.value_or(0), 10);

  std::vector<Notice> notices = (*lookout)->TakeNotices();
  std::erase_if(notices, [&](const Notice& notice) { return notice.id != warned.id; });
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[0].revision, 0u);
  EXPECT_FALSE(notices[0].warning.outcome);
  EXPECT_EQ(notices[0].cgroup.path, path_);
  EXPECT_EQ(notices[0].scope, model::Scope::kHost);
  EXPECT_EQ(notices[0].limit.id, id);
  EXPECT_EQ(notices[0].limit.bytes, kLimit);
  EXPECT_EQ(notices[1].revision, 1u);
  EXPECT_EQ(notices[1].warning.outcome, model::WarningOutcome::kKilled);
  EXPECT_EQ(notices[1].warning.outcome_seconds, warned.seconds_before);
  std::cout << "warned " << *warned.seconds_before << " s before, by " << (*lookout)->state().reader
            << '\n';
}

// The kernel holds back who exceeds memory.high, which is a stall.
TEST_F(LookoutLiveTest, AStallIsNoticedAtOnce) {
  PressureWatch watch(cgroups_.mount(), "/proc");
  if (!cgroups_.Write(path_, "memory.high", std::to_string(4 * kMib))) {
    GTEST_SKIP() << "cgroup v1 has no pressure of a cgroup";
  }
  const model::CgroupId id = cgroups_.IdOf(path_);
  watch.Watch(std::vector<NearQuestion>{{.id = id, .path = path_}});
  if (!watch.StalledShare(id)) GTEST_SKIP() << "this kernel does not tell stalls";
  ASSERT_EQ(watch.triggers(), 1u);
  const pid_t child = Take(48 * kMib, 1024 * kMib);
  // The node's own trigger may fire as well.
  constexpr int kPatienceMs = 30'000;
  std::vector<model::CgroupId> stalled;
  do {
    stalled = watch.Wait(/*wake_fd=*/-1, kPatienceMs);
  } while (!stalled.empty() && std::ranges::find(stalled, id) == stalled.end());
  EXPECT_THAT(stalled, Contains(id));
  ::kill(child, SIGKILL);
  int status = 0;
  Reap(child, &status);

  cgroups_.Remove(path_);
  EXPECT_THAT(watch.Wait(/*wake_fd=*/-1, 0), Not(Contains(id)));
  EXPECT_EQ(watch.triggers(), 0u) << "what is gone keeps nobody awake";
}

}  // namespace
}  // namespace oomtrail::forecast
