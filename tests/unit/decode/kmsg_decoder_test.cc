// Kernel logs of several kernels, read whole. What hostile names do to them: kmsg_hostile_test.cc.
#include "agent/decode/kmsg_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/fixtures/kmsg_transcripts.h"

namespace oomtrail::decode {
namespace {

using model::Constraint;
using model::Kill;

std::vector<Kill> Kills(std::string_view transcript) {
  KmsgDecoder decoder;
  return fixtures::FeedKmsg(decoder, transcript);
}

constexpr uint64_t kKib = 1024;

TEST(KmsgDecoderTest, ContainerOomOf510) {
  const auto kills = Kills(fixtures::kContainerOom510);
  ASSERT_EQ(kills.size(), 1u);
  const Kill& kill = kills[0];
  EXPECT_EQ(kill.hook.name, "kmsg");
  EXPECT_EQ(kill.hook.method, model::HookMethod::kKmsg);
  EXPECT_EQ(kill.boot_ns, 8'123'456'890'000u);
  EXPECT_EQ(kill.victim.pid, 0u) << "the log has only the thread's id";
  EXPECT_EQ(kill.victim.tid, 4312u);
  EXPECT_EQ(kill.victim.comm, "java");
  EXPECT_EQ(kill.victim.uid, 1000u);
  EXPECT_EQ(kill.victim.oom_score_adj, 968);
  EXPECT_FALSE(kill.victim.start_boot_ns);
  EXPECT_EQ(kill.victim.memory, (model::ProcessMemory{.anon_rss_bytes = 509952 * kKib,
                                                      .file_rss_bytes = 3072 * kKib,
                                                      .shmem_rss_bytes = 1024 * kKib,
                                                      .page_table_bytes = 1284 * kKib,
                                                      .total_vm_bytes = 3249380 * kKib}));
  EXPECT_FALSE(kill.trigger) << "the log names it without its cgroup";
  EXPECT_FALSE(kill.needs_proof);
  EXPECT_FALSE(kill.group_announced);
  const std::string container =
      "/kubepods/burstable/pod4a163a05-439d-484b-8e53-2968bc15824f/"
      "594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d";
  EXPECT_EQ(kill.memcg_path, container);
  EXPECT_EQ(kill.limit_path, container);
  EXPECT_TRUE(kill.memcg.levels.empty());
}

TEST(KmsgDecoderTest, OomContextOf510) {
  const auto kills = Kills(fixtures::kContainerOom510);
  ASSERT_EQ(kills.size(), 1u);
  ASSERT_TRUE(kills[0].oom);
  const model::OomContext& oom = *kills[0].oom;
  EXPECT_EQ(oom.constraint, Constraint::kMemcg);
  EXPECT_EQ(oom.order, 0);
  EXPECT_EQ(oom.gfp, 0xcc0u);
  EXPECT_EQ(oom.limit_usage_bytes, 524288 * kKib);
  EXPECT_EQ(oom.limit_bytes, 524288 * kKib);
  EXPECT_FALSE(oom.limit_memcg.known());
  EXPECT_FALSE(oom.total_pages);
  EXPECT_EQ(oom.sequence, 8'123'456'789'201u) << "of the first line, not of the kill";
}

TEST(KmsgDecoderTest, PodOomOf61) {
  const auto kills = Kills(fixtures::kPodOom61);
  ASSERT_EQ(kills.size(), 1u);
  const std::string pod =
      "/kubepods.slice/kubepods-besteffort.slice/"
      "kubepods-besteffort-pod4a163a05_439d_484b_8e53_2968bc15824f.slice";
  EXPECT_EQ(kills[0].limit_path, pod);
  EXPECT_EQ(kills[0].memcg_path,
            pod +
                "/cri-containerd-"
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope");
  EXPECT_EQ(kills[0].victim.comm, "node");
  EXPECT_EQ(kills[0].oom->order, 2);
  EXPECT_EQ(kills[0].oom->gfp, 0x8cc0u);
}

TEST(KmsgDecoderTest, GroupKillOf612) {
  const auto kills = Kills(fixtures::kGroupOom612);
  ASSERT_EQ(kills.size(), 4u) << "the first victim twice: resolve drops the second";
  std::vector<uint32_t> victims;
  for (const Kill& kill : kills) {
    victims.push_back(kill.victim.tid.value_or(0));
    ASSERT_TRUE(kill.oom);
    EXPECT_EQ(kill.oom->sequence, 60'000'000'100'501u) << "one OOM for all of them";
    EXPECT_EQ(kill.oom->limit_bytes, 65536 * kKib);
  }
  EXPECT_EQ(victims, (std::vector<uint32_t>{911, 900, 911, 912}));
  EXPECT_FALSE(kills[0].group_announced) << "is told only after it";
  EXPECT_TRUE(kills[1].group_announced);
  EXPECT_TRUE(kills[3].group_announced);
  EXPECT_EQ(kills[0].memcg_path, "/kubepods/pod4a163a05-439d-484b-8e53-2968bc15824f/web");
  EXPECT_EQ(kills[1].memcg_path, "") << "a member may be in a cgroup below";
}

TEST(KmsgDecoderTest, GlobalOomOf61) {
  const auto kills = Kills(fixtures::kGlobalOom61);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].memcg_path, "/system.slice/ssh.service");
  EXPECT_EQ(kills[0].limit_path, "");
  ASSERT_TRUE(kills[0].oom);
  EXPECT_EQ(kills[0].oom->constraint, Constraint::kNone);
  EXPECT_FALSE(kills[0].oom->limit_bytes);
  EXPECT_FALSE(kills[0].oom->limit_usage_bytes);
}

struct Variant {
  std::string name;
  std::string what;
  std::string with;
  Constraint constraint;
  int32_t order;
};

class GlobalVariantTest : public ::testing::TestWithParam<Variant> {};

TEST_P(GlobalVariantTest, IsRead) {
  std::string log(fixtures::kGlobalOom61);
  log.replace(log.find(GetParam().what), GetParam().what.size(), GetParam().with);
  const auto kills = Kills(log);
  ASSERT_EQ(kills.size(), 1u);
  ASSERT_TRUE(kills[0].oom);
  EXPECT_EQ(kills[0].oom->constraint, GetParam().constraint);
  EXPECT_EQ(kills[0].oom->order, GetParam().order);
  EXPECT_EQ(kills[0].memcg_path, "/system.slice/ssh.service");
}

const Variant kVariants[] = {
    {"Sysrq", "order=0", "order=-1", Constraint::kNone, -1},
    {"Cpuset", "CONSTRAINT_NONE", "CONSTRAINT_CPUSET", Constraint::kCpuset, 0},
    {"Mempolicy", "CONSTRAINT_NONE", "CONSTRAINT_MEMORY_POLICY", Constraint::kMempolicy, 0},
    {"AllocatingTask",
     "Out of memory:", "Out of memory (oom_kill_allocating_task):", Constraint::kNone, 0},
    {"NoGfpFlags", "0x140cca(", "0(", Constraint::kNone, 0},
};
INSTANTIATE_TEST_SUITE_P(Kmsg, GlobalVariantTest, ::testing::ValuesIn(kVariants),
                         [](const auto& row) { return row.param.name; });

// The kernel prints ten headers in five seconds, but every kill.
TEST(KmsgDecoderTest, WithoutHeaderAMemcgKillIsStillOne) {
  const auto kills = Kills(
      "3,1,5000000,-;Memory cgroup out of memory: Killed process 7 (a) total-vm:9kB, anon-rss:8kB,"
      " file-rss:7kB, shmem-rss:6kB, UID:5 pgtables:4kB oom_score_adj:-3\n");
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].victim.oom_score_adj, -3);
  EXPECT_EQ(kills[0].memcg_path, "");
  ASSERT_TRUE(kills[0].oom);
  EXPECT_EQ(kills[0].oom->constraint, Constraint::kMemcg);
  EXPECT_FALSE(kills[0].oom->limit_bytes);
  EXPECT_FALSE(kills[0].oom->order);
}

TEST(KmsgDecoderTest, WithoutHeaderAGlobalKillTellsNothingOfItsCause) {
  const auto kills = Kills(
      "3,1,5000000,-;Out of memory: Killed process 7 (a) total-vm:9kB, anon-rss:8kB, file-rss:7kB,"
      " shmem-rss:6kB, UID:5 pgtables:4kB oom_score_adj:0\n");
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_FALSE(kills[0].oom);
}

constexpr std::string_view kHeaderlessGroup = R"(
3,601,60000200140,-;Memory cgroup out of memory: Killed process 2911 (other) total-vm:70000kB, anon-rss:50000kB, file-rss:1000kB, shmem-rss:0kB, UID:33 pgtables:160kB oom_score_adj:0
6,602,60000200150,-;Tasks in /kubepods/other are going to be killed due to memory.oom.group set
3,603,60000200160,-;Memory cgroup out of memory: Killed process 2900 (other2) total-vm:9000kB, anon-rss:1000kB, file-rss:900kB, shmem-rss:0kB, UID:0 pgtables:60kB oom_score_adj:0
)";

// The next group kill's own header was rate-limited away: it has nothing of the one before.
TEST(KmsgDecoderTest, AGroupWithoutHeaderDoesNotInheritAnothers) {
  const auto kills = Kills(std::string(fixtures::kGroupOom612) + std::string(kHeaderlessGroup));
  ASSERT_EQ(kills.size(), 6u);
  for (const size_t i : {size_t{4}, size_t{5}}) {
    ASSERT_TRUE(kills[i].oom);
    EXPECT_FALSE(kills[i].oom->limit_bytes);
    EXPECT_EQ(kills[i].oom->sequence, 60'000'200'140'601u) << "the same for both";
    EXPECT_EQ(kills[i].memcg_path, "");
  }
  EXPECT_FALSE(kills[4].group_announced);
  EXPECT_TRUE(kills[5].group_announced);
}

TEST(KmsgDecoderTest, AHeaderServesOneKill) {
  // The pid comes round again within a second, its new header rate-limited away.
  const auto kills = Kills(std::string(fixtures::kContainerOom510) +
                           "3,1300,8123856890,-;Memory cgroup out of memory: Killed process 4312 "
                           "(java) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB, UID:0 "
                           "pgtables:4kB oom_score_adj:0\n");
  ASSERT_EQ(kills.size(), 2u);
  EXPECT_EQ(kills[1].memcg_path, "");
  EXPECT_FALSE(kills[1].oom->limit_bytes);
}

TEST(KmsgDecoderTest, AHeaderWhoseKillWasSkippedIsForgotten) {
  // "OOM victim 4312 (java) is already exiting": minutes later another process has its pid.
  std::string log(fixtures::kContainerOom510);
  log.replace(log.find("Killed process 4312 (java) total-vm"), 19, "OOM victim 4312");
  const auto kills = Kills(log +
                           "3,1300,8223456890,-;Memory cgroup out of memory: Killed process 4312 "
                           "(java) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB, UID:0 "
                           "pgtables:4kB oom_score_adj:0\n");
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].memcg_path, "");
}

TEST(KmsgDecoderTest, AHeaderAfterALostBeginningIsAnotherOoms) {
  std::string second(fixtures::kPodOom61);
  const size_t header = second.find("6,805");
  const auto kills = Kills(std::string(fixtures::kContainerOom510) + second.substr(header));
  ASSERT_EQ(kills.size(), 2u);
  ASSERT_TRUE(kills[1].oom);
  EXPECT_FALSE(kills[1].oom->limit_bytes) << "not the 512 MiB of the one before";
  EXPECT_NE(kills[1].oom->sequence, kills[0].oom->sequence);
}

// memory.max "max" of a level above the pages' size: LONG_MAX in whole pages of 4, 16 and 64 KiB.
TEST(KmsgDecoderTest, UnlimitedIsAbsentForEveryPageSize) {
  for (const char* unlimited : {"9007199254740988", "9007199254740976", "9007199254740928"}) {
    std::string log(fixtures::kContainerOom510);
    log.replace(log.find("limit 524288"), 12, std::string("limit ") + unlimited);
    const auto kills = Kills(log);
    ASSERT_EQ(kills.size(), 1u);
    EXPECT_EQ(kills[0].oom->limit_usage_bytes, 524288 * kKib);
    EXPECT_FALSE(kills[0].oom->limit_bytes) << unlimited;
  }
}

TEST(KmsgDecoderTest, ContinuationLinesAreNoText) {
  const auto kills = Kills(
      "3,1,5000000,-;Memory cgroup out of memory: Killed process 7 (a) total-vm:9kB, anon-rss:8kB,"
      " file-rss:7kB, shmem-rss:6kB, UID:5 pgtables:4kB oom_score_adj:-3\n"
      " SUBSYSTEM=memory\n"
      " DEVICE=Killed process 9 (x) total-vm:1kB, anon-rss:1kB\n");
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].victim.comm, "a");
}

// Another CPU printed in between: the header came in two records.
TEST(KmsgDecoderTest, AHeaderInPiecesNamesNothing) {
  std::string log(fixtures::kContainerOom510);
  log.insert(log.find(",oom_memcg="), "\n6,1214,8123456875,c;");
  const auto kills = Kills(log);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].memcg_path, "");
  EXPECT_EQ(kills[0].oom->constraint, Constraint::kMemcg) << "told by the kill's own line";
}

TEST(KmsgDecoderTest, OtherOomLinesAreNoKills) {
  for (const char* text :
       {"Memory cgroup out of memory: OOM victim 7 (a) is already exiting. Skip killing the task",
        "Out of memory and no killable processes...", "Out of memory: Killed process",
        "oom_reaper: reaped process 7 (a), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
        "Out of memory: Kill process 7 (a) score 0 or sacrifice child"}) {
    EXPECT_TRUE(Kills(std::string("3,1,5000000,-;") + text + "\n").empty()) << text;
  }
}

// The log's clock stands still between jiffies where there is no good TSC.
TEST(KmsgDecoderTest, TwoOomsAtOneMomentAreTwo) {
  const std::string line =
      ",9000000,-;Memory cgroup out of memory: Killed process 7 (hog) total-vm:4096kB, "
      "anon-rss:1024kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:44kB oom_score_adj:0\n";
  KmsgDecoder decoder;
  const auto first = decoder.Feed("3,41" + line);
  const auto second = decoder.Feed("3,42" + line);
  ASSERT_TRUE(first && first->oom && second && second->oom);
  EXPECT_NE(first->oom->sequence, second->oom->sequence);
}

}  // namespace
}  // namespace oomtrail::decode
