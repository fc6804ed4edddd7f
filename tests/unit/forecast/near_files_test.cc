#include "agent/forecast/near_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/forecast/pressure.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::forecast {
namespace {

using ::testing::DoubleEq;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr model::CgroupId kPod{7};

class NearFilesTest : public ::testing::Test {
 protected:
  NearReading Read(const NearQuestion& question) {
    std::vector<NearReading> readings;
    files_.Read(std::vector<NearQuestion>{question}, readings);
    EXPECT_EQ(readings.size(), 1u);
    return readings[0];
  }

  const fakes::TempDir dir_;
  NearFiles files_{{.directory = dir_.path()}};
};

TEST_F(NearFilesTest, ReadsWhatCanBeDroppedOnlyWhereAskedFor) {
  dir_.Write("pod/memory.stat", "anon 1\ninactive_file 4096\n");
  dir_.Write("pod/memory.events", "low 0\nhigh 3\nmax 42\noom 0\noom_kill 0\n");
  const NearReading all = Read({.id = kPod, .path = "/pod", .working_set = true});
  EXPECT_THAT(all.inactive_file_bytes, Optional(4096u));
  EXPECT_THAT(all.limit_hits, Optional(42u));
  const NearReading some = Read({.id = kPod, .path = "/pod"});
  EXPECT_FALSE(some.inactive_file_bytes);
  EXPECT_THAT(some.limit_hits, Optional(42u));
}

TEST_F(NearFilesTest, CgroupV1CountsTheWholeSubtreeAndHitsInAFileOfTheirOwn) {
  dir_.Write("pod/memory.stat", "inactive_file 1\ntotal_inactive_file 8192\n");
  dir_.Write("pod/memory.failcnt", "17\n");
  NearFiles files({.directory = dir_.path(), .version = 1, .hierarchy = 4});
  std::vector<NearReading> readings;
  files.Read(std::vector<NearQuestion>{{.id = kPod, .path = "/pod", .working_set = true}},
             readings);
  EXPECT_THAT(readings.at(0).inactive_file_bytes, Optional(8192u));
  EXPECT_THAT(readings.at(0).limit_hits, Optional(17u));
}

TEST_F(NearFilesTest, LetsGoOfThoseThatAreNoLongerNear) {
  dir_.Write("pod/memory.stat", "inactive_file 1\n");
  Read({.id = kPod, .path = "/pod"});
  EXPECT_EQ(files_.held(), 1u);
  EXPECT_TRUE(
      Read({.id = kPod, .path = "/pod", .near = false, .working_set = true}).inactive_file_bytes);
  EXPECT_EQ(files_.held(), 0u);
}

TEST_F(NearFilesTest, WhatIsGoneOrDamagedIsAbsent) {
  const NearReading gone = Read({.id = {8}, .path = "/gone", .working_set = true});
  EXPECT_FALSE(gone.inactive_file_bytes);
  EXPECT_FALSE(gone.limit_hits);
  dir_.Write("pod/memory.stat", std::string(20'000, 'x') + "\ninactive_file 1\n");
  dir_.Write("pod/memory.events", "max many\n");
  const NearReading damaged = Read({.id = kPod, .path = "/pod", .working_set = true});
  EXPECT_FALSE(damaged.inactive_file_bytes);
  EXPECT_FALSE(damaged.limit_hits);
}

class PressureWatchTest : public ::testing::Test {
 protected:
  static constexpr int kNobody = -1;  // to wake it
  static constexpr std::string_view kStalled =
      "some avg10=25.00 avg60=0.00 avg300=0.00 total=1\n"
      "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

  const fakes::TempDir dir_;
};

TEST_F(PressureWatchTest, ReadsSharesWhereNoTriggerCanBe) {
  dir_.Write("cgroup/pod/memory.pressure", kStalled);
  dir_.Write("proc/pressure/memory", kStalled);
  PressureWatch watch({.directory = dir_ / "cgroup"}, dir_ / "proc");
  EXPECT_THAT(watch.NodeStalledShare(), Optional(DoubleEq(0.25)));
  EXPECT_FALSE(watch.StalledShare(kPod)) << "not watched";
  watch.Watch(std::vector<NearQuestion>{{.id = kPod, .path = "/pod"}});
  EXPECT_THAT(watch.StalledShare(kPod), Optional(DoubleEq(0.25)));
  EXPECT_EQ(watch.triggers(), 0u);
  EXPECT_THAT(watch.Wait(kNobody, 0), IsEmpty());
  watch.Watch({});
  EXPECT_FALSE(watch.StalledShare(kPod));
}

TEST_F(PressureWatchTest, WithoutPsiNothingIsKnownAndNothingFails) {
  PressureWatch watch({.directory = dir_ / "cgroup"}, dir_ / "proc");
  watch.Watch(std::vector<NearQuestion>{{.id = kPod, .path = "/pod"}});
  EXPECT_FALSE(watch.NodeStalledShare());
  EXPECT_FALSE(watch.StalledShare(kPod));
  EXPECT_THAT(watch.Wait(kNobody, 0), IsEmpty());
}

TEST_F(PressureWatchTest, CgroupV1HasNoneOfACgroup) {
  dir_.Write("cgroup/pod/memory.pressure", kStalled);
  PressureWatch watch({.directory = dir_ / "cgroup", .version = 1, .hierarchy = 4}, dir_ / "proc");
  watch.Watch(std::vector<NearQuestion>{{.id = kPod, .path = "/pod"}});
  EXPECT_FALSE(watch.StalledShare(kPod));
}

}  // namespace
}  // namespace oomtrail::forecast
