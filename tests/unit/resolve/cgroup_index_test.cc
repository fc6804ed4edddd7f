// The index against cgroups of this machine's kernel.
#include "agent/resolve/cgroup_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fixtures/real_cgroups.h"

namespace oomtrail::resolve {
namespace {

using model::CgroupChange;
using model::CgroupId;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr auto kTombstoneTime = std::chrono::nanoseconds(CgroupIndex::kTombstoneNs);
constexpr auto kMade = CgroupChange::Kind::kMade;
constexpr auto kRemoved = CgroupChange::Kind::kRemoved;
constexpr auto kRenamed = CgroupChange::Kind::kRenamed;

// An id that no cgroup has.
constexpr CgroupId kNobody{0xfeed'0000'0000};

class CgroupIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cgroups_.problem().empty()) return;
    if (fixtures::InCi()) FAIL() << cgroups_.problem();
    GTEST_SKIP() << cgroups_.problem();
  }

  void Hint(CgroupChange::Kind kind, CgroupId id, CgroupId parent = {}, std::string name = "") {
    index_.Apply({.kind = kind, .id = id, .parent = parent, .name = std::move(name)});
  }
  std::map<CgroupId, std::string> Alive() const {
    std::map<CgroupId, std::string> alive;
    index_.ForEach([&](CgroupId id, const std::string& path) { alive[id] = path; });
    return alive;
  }

  const fixtures::RealCgroups cgroups_;
  fakes::FakeClock clock_;
  CgroupIndex index_{cgroups_.mount(), clock_};
};

TEST_F(CgroupIndexTest, AWalkNamesEveryCgroup) {
  const std::string deep = cgroups_.Make("pod/container/init.scope");
  const CgroupId root = cgroups_.IdOf("");
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_THAT(index_.PathOf(cgroups_.IdOf(deep)), Optional(Eq(deep)));
  EXPECT_THAT(index_.PathOf(cgroups_.IdOf(cgroups_.root())), Optional(Eq(cgroups_.root())));
  EXPECT_THAT(index_.PathOf(root), Optional(Eq("/")));
  const auto alive = Alive();
  EXPECT_EQ(alive.at(cgroups_.IdOf(deep)), deep);
  EXPECT_EQ(alive.at(root), "/");
  EXPECT_EQ(alive.size(), index_.size());
}

TEST_F(CgroupIndexTest, ItsGenerationMovesWithWhatIsAliveAndNotWithoutIt) {
  const std::string pod = cgroups_.Make("pod");
  const CgroupId id = cgroups_.IdOf(pod);
  ASSERT_TRUE(index_.Walk().ok());
  const uint64_t walked = index_.generation();
  Hint(kMade, id, cgroups_.IdOf(cgroups_.root()), "pod");
  EXPECT_EQ(index_.generation(), walked) << "known already";
  Hint(kRemoved, id);
  const uint64_t removed = index_.generation();
  EXPECT_GT(removed, walked);
  Hint(kRemoved, id);
  EXPECT_EQ(index_.generation(), removed);
  Hint(kMade, id, cgroups_.IdOf(cgroups_.root()), "pod");
  const uint64_t back = index_.generation();
  EXPECT_GT(back, removed);
  Hint(kRenamed, id, cgroups_.IdOf(cgroups_.root()), "bed");
  EXPECT_GT(index_.generation(), back);
}

TEST_F(CgroupIndexTest, TwentyLevelsAreNoBound) {
  std::string name = "0";
  for (int level = 1; level < 20; ++level) name += "/" + std::to_string(level);
  const std::string deep = cgroups_.Make(name);
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_THAT(index_.PathOf(cgroups_.IdOf(deep)), Optional(Eq(deep)));
}

TEST_F(CgroupIndexTest, WhatNobodyHasIsAbsent) {
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_FALSE(index_.PathOf(kNobody));
  EXPECT_FALSE(index_.PathOf({}));
}

TEST_F(CgroupIndexTest, AWalkBuriesWhatIsGone) {
  const std::string path = cgroups_.Make("a");
  const CgroupId id = cgroups_.IdOf(path);
  ASSERT_TRUE(index_.Walk().ok());
  cgroups_.Remove(path);
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_THAT(index_.PathOf(id), Optional(Eq(path)));
  EXPECT_FALSE(Alive().contains(id));
}

// Hints that were lost: the cgroup is asked by the id itself.
TEST_F(CgroupIndexTest, ACgroupMadeAfterTheWalkIsFoundByHandle) {
  ASSERT_TRUE(index_.Walk().ok());
  const std::string path = cgroups_.Make("late/later");
  EXPECT_THAT(index_.PathOf(cgroups_.IdOf(path)), Optional(Eq(path)));
}

TEST_F(CgroupIndexTest, WhatWasFoundByHandleIsRememberedWithAllAboveIt) {
  ASSERT_TRUE(index_.Walk().ok());
  const std::string path = cgroups_.Make("late/later/latest");
  const CgroupId id = cgroups_.IdOf(path);
  const CgroupId above = cgroups_.IdOf(cgroups_.root() + "/late");
  ASSERT_TRUE(index_.PathOf(id));
  cgroups_.Remove(cgroups_.root() + "/late");
  EXPECT_THAT(index_.PathOf(id), Optional(Eq(path)));
  EXPECT_THAT(index_.PathOf(above), Optional(Eq(cgroups_.root() + "/late")));
}

TEST_F(CgroupIndexTest, WhatCameAndWentUnseenIsAbsent) {
  ASSERT_TRUE(index_.Walk().ok());
  const std::string path = cgroups_.Make("brief");
  const CgroupId id = cgroups_.IdOf(path);
  cgroups_.Remove(path);
  EXPECT_FALSE(index_.PathOf(id));
}

TEST_F(CgroupIndexTest, AHintWithNamesNeedsNoCgroup) {
  ASSERT_TRUE(index_.Walk().ok());
  Hint(kMade, kNobody, cgroups_.IdOf(cgroups_.root()), "brief");
  EXPECT_THAT(index_.PathOf(kNobody), Optional(Eq(cgroups_.root() + "/brief")));
}

TEST_F(CgroupIndexTest, AHintWithTheIdOnlyLearnsTheNamesWhileTheyAreThere) {
  ASSERT_TRUE(index_.Walk().ok());
  const std::string path = cgroups_.Make("a/b");
  const CgroupId id = cgroups_.IdOf(path);
  Hint(kMade, id);
  cgroups_.Remove(path);
  Hint(kRemoved, id);
  EXPECT_THAT(index_.PathOf(id), Optional(Eq(path)));
}

TEST_F(CgroupIndexTest, AHintThatLeadsNowhereLeavesItBehindUntilAWalk) {
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_FALSE(index_.behind());
  Hint(kMade, kNobody);
  EXPECT_TRUE(index_.behind());
  ASSERT_TRUE(index_.Walk().ok());
  EXPECT_FALSE(index_.behind());
}

// The hint waited in the ring while a walk saw the cgroup, and then it went.
TEST_F(CgroupIndexTest, ALateHintWithTheIdOnlyForgetsNothing) {
  const std::string path = cgroups_.Make("a");
  const CgroupId id = cgroups_.IdOf(path);
  ASSERT_TRUE(index_.Walk().ok());
  cgroups_.Remove(path);
  Hint(kMade, id);
  Hint(kRemoved, id);
  EXPECT_THAT(index_.PathOf(id), Optional(Eq(path)));
}

TEST_F(CgroupIndexTest, ARemovedCgroupIsKnownForTenMinutes) {
  const CgroupId id = cgroups_.IdOf(cgroups_.Make("a"));
  ASSERT_TRUE(index_.Walk().ok());
  const size_t size = index_.size();
  Hint(kRemoved, id);
  EXPECT_FALSE(Alive().contains(id));
  cgroups_.Remove(cgroups_.root() + "/a");

  clock_.Advance(kTombstoneTime);
  index_.Expire();
  EXPECT_TRUE(index_.PathOf(id));
  clock_.Advance(std::chrono::nanoseconds(1));
  index_.Expire();
  EXPECT_FALSE(index_.PathOf(id));
  EXPECT_EQ(index_.size(), size - 1);
}

TEST_F(CgroupIndexTest, ARemovalThatIsToldTwiceCountsFromTheFirst) {
  ASSERT_TRUE(index_.Walk().ok());
  Hint(kMade, kNobody, cgroups_.IdOf(cgroups_.root()), "a");
  Hint(kRemoved, kNobody);
  clock_.Advance(kTombstoneTime);
  Hint(kRemoved, kNobody);
  clock_.Advance(std::chrono::seconds(1));
  index_.Expire();
  EXPECT_FALSE(index_.PathOf(kNobody));
}

TEST_F(CgroupIndexTest, WhatAWalkFindsAliveIsNotExpired) {
  const std::string path = cgroups_.Make("a");
  ASSERT_TRUE(index_.Walk().ok());
  Hint(kRemoved, cgroups_.IdOf(path));  // of another hierarchy, or damaged
  ASSERT_TRUE(index_.Walk().ok());
  clock_.Advance(2 * kTombstoneTime);
  index_.Expire();
  EXPECT_TRUE(Alive().contains(cgroups_.IdOf(path)));
}

TEST_F(CgroupIndexTest, TheRemovalOfAnUnknownCgroupIsNothing) {
  ASSERT_TRUE(index_.Walk().ok());
  const size_t size = index_.size();
  Hint(kRemoved, kNobody);
  EXPECT_EQ(index_.size(), size);
}

TEST_F(CgroupIndexTest, ChildrenFollowARename) {
  const std::string child = cgroups_.Make("before/child");
  const CgroupId parent_id = cgroups_.IdOf(cgroups_.root() + "/before");
  const CgroupId child_id = cgroups_.IdOf(child);
  ASSERT_TRUE(index_.Walk().ok());
  Hint(kRenamed, parent_id, cgroups_.IdOf(cgroups_.root()), "after");
  EXPECT_THAT(index_.PathOf(child_id), Optional(Eq(cgroups_.root() + "/after/child")));
}

TEST_F(CgroupIndexTest, ARenameWithTheIdOnlyIsReadFromTheCgroup) {
  const std::string child = cgroups_.Make("before/child");
  const CgroupId parent_id = cgroups_.IdOf(cgroups_.root() + "/before");
  const CgroupId child_id = cgroups_.IdOf(child);
  ASSERT_TRUE(index_.Walk().ok());
  const std::string directory = cgroups_.mount().DirectoryOf(cgroups_.root());
  if (::rename((directory + "/before").c_str(), (directory + "/after").c_str()) != 0) {
    GTEST_SKIP() << "cgroup v2 has no rename";
  }
  Hint(kRenamed, parent_id);
  EXPECT_THAT(index_.PathOf(parent_id), Optional(Eq(cgroups_.root() + "/after")));
  EXPECT_THAT(index_.PathOf(child_id), Optional(Eq(cgroups_.root() + "/after/child")));
}

// A flood of cgroups costs a bounded amount of memory, and those alive are still found.
TEST_F(CgroupIndexTest, AFullIndexGrowsNoFurther) {
  ASSERT_TRUE(index_.Walk().ok());
  const CgroupId parent = cgroups_.IdOf(cgroups_.root());
  for (uint64_t i = 0; i < CgroupIndex::kMaxCgroups; ++i) {
    Hint(kMade, {kNobody.value + i}, parent, "x");
  }
  EXPECT_EQ(index_.size(), CgroupIndex::kMaxCgroups);

  const std::string late = cgroups_.Make("late");
  Hint(kMade, cgroups_.IdOf(late));
  EXPECT_THAT(index_.PathOf(cgroups_.IdOf(late)), Optional(Eq(late)));
  EXPECT_EQ(index_.Walk().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(index_.size(), CgroupIndex::kMaxCgroups);
  EXPECT_TRUE(Alive().contains({kNobody.value})) << "a walk cut short buries nobody";
}

// --cgroup-root may be a symlink, or end in a slash.
TEST_F(CgroupIndexTest, TheMountMayBeNamedInOtherWays) {
  const fakes::TempDir dir;
  ASSERT_EQ(::symlink(cgroups_.mount().directory.c_str(), (dir / "link").c_str()), 0);
  for (const std::string& directory : {dir / "link", cgroups_.mount().directory + "/"}) {
    CgroupMount mount = cgroups_.mount();
    mount.directory = directory;
    CgroupIndex index(mount, clock_);
    const std::string path = cgroups_.Make("a");
    EXPECT_THAT(index.PathOf(cgroups_.IdOf(path)), Optional(Eq(path))) << directory;
  }
}

// Replay: no hierarchy at all, only hints.
TEST(CgroupIndexOfflineTest, NothingIsAskedOfThisMachine) {
  const fakes::FakeClock clock;
  CgroupIndex index({}, clock);
  EXPECT_FALSE(index.PathOf(kNobody));
  index.Apply({.kind = kMade, .id = kNobody});
  EXPECT_FALSE(index.PathOf(kNobody));
}

class StoppedClock final : public base::Clock {
 public:
  uint64_t BootNanos() const override { return 0; }
  int64_t WallNanos() const override { return 0; }
};

TEST(CgroupIndexOfflineTest, WhatWasRemovedAtTimeZeroIsNotAlive) {
  const fakes::TempDir dir;
  const StoppedClock clock;
  CgroupIndex index({.directory = dir.path()}, clock);
  ASSERT_TRUE(index.Walk().ok());
  struct stat root {};
  ASSERT_EQ(::stat(dir.path().c_str(), &root), 0);
  index.Apply({.kind = kMade, .id = kNobody, .parent = {root.st_ino}, .name = "a"});
  index.Apply({.kind = kRemoved, .id = kNobody});
  EXPECT_THAT(index.PathOf(kNobody), Optional(Eq("/a")));
  index.ForEach([](CgroupId id, const std::string&) { EXPECT_NE(id, kNobody); });
}

TEST(CgroupIndexOfflineTest, AMissingHierarchyIsTold) {
  const fakes::TempDir dir;
  const fakes::FakeClock clock;
  CgroupIndex index({.directory = dir / "none"}, clock);
  EXPECT_THAT(std::string(index.Walk().message()),
              HasSubstr("walk " + (dir / "none") + ": ENOENT"));
}

}  // namespace
}  // namespace oomtrail::resolve
