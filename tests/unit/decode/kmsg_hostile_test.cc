// A victim chooses its comm and the names of cgroups below its own, and writes to the log where it
// may. Whatever it chooses, no other process or cgroup is named: where a line can be read in two
// ways, nobody is.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "agent/decode/kmsg_decoder.h"
#include "tests/fixtures/kmsg_transcripts.h"

namespace oomtrail::decode {
namespace {

using model::Kill;

std::vector<Kill> Kills(std::string_view transcript) {
  KmsgDecoder decoder;
  return fixtures::FeedKmsg(decoder, transcript);
}

// /dev/kmsg escapes what is not printable ASCII, and the backslash.
std::string Escaped(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 127 && c != '\\') {
      out += c;
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

// The log of a container OOM with these names in it.
struct Names {
  std::string trigger = "java";
  std::string cpuset = "abc";
  std::string limit = "/kubepods/poda/abc";
  std::string task = "/kubepods/poda/abc";
  std::string comm = "java";
};

std::string ContainerOom(const Names& names) {
  return "4,1,5000000,-;" + Escaped(names.trigger) +
         " invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
         "6,2,5000001,-;memory: usage 1024kB, limit 1024kB, failcnt 9\n"
         "6,3,5000002,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=" +
         Escaped(names.cpuset) + ",mems_allowed=0,oom_memcg=" + Escaped(names.limit) +
         ",task_memcg=" + Escaped(names.task) + ",task=" + Escaped(names.comm) +
         ",pid=4312,uid=0\n"
         "3,4,5000003,-;Memory cgroup out of memory: Killed process 4312 (" +
         Escaped(names.comm) +
         ") total-vm:9kB, anon-rss:8kB, file-rss:7kB, shmem-rss:6kB, UID:0 pgtables:4kB "
         "oom_score_adj:0\n";
}

TEST(KmsgHostileTest, ARealLogOfAProcessNamedLikeTheLog) {
  const auto kills = Kills(fixtures::kHostileComm618);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].victim.tid, 21467u);
  EXPECT_EQ(kills[0].victim.comm, "a) total-vm:1kB");
  EXPECT_EQ(kills[0].victim.memory.total_vm_bytes, 221696u * 1024);
  EXPECT_EQ(kills[0].memcg_path, "/oomtrail-test-21426-hog");
  EXPECT_EQ(kills[0].limit_path, "/oomtrail-test-21426-hog");
}

class HostileCommTest : public ::testing::TestWithParam<std::string> {};

TEST_P(HostileCommTest, IsReadByteForByteAndChangesNothingElse) {
  const auto kills = Kills(ContainerOom({.trigger = GetParam(), .comm = GetParam()}));
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].victim.comm, GetParam());
  EXPECT_EQ(kills[0].victim.tid, 4312u);
  EXPECT_EQ(kills[0].victim.memory.total_vm_bytes, 9u * 1024);
  EXPECT_EQ(kills[0].memcg_path, "/kubepods/poda/abc");
  EXPECT_EQ(kills[0].limit_path, "/kubepods/poda/abc");
  EXPECT_EQ(kills[0].oom->sequence, 5'000'000'001u);
  EXPECT_EQ(kills[0].oom->limit_bytes, 1024u * 1024);
}

INSTANTIATE_TEST_SUITE_P(Comm, HostileCommTest,
                         ::testing::Values("", "(", ")", " (", ") total-vm:", ") total-vm:1kB,",
                                           "a) total-vm:1kB", ",task=x", ",task=", ",pid=1",
                                           "a,pid=7,uid=0", ",task_memcg=/x", ": Killed proces",
                                           "fifteen  bytes!", "\x1b[2J\n\r\t", "\xff\xfe\\x41",
                                           "a\nb", "memory: usage 1", "oom-kill:constr",
                                           "Out of memory: ", "Tasks in /", " invoked oom-ki"));

// The kernel prints the comm twice, and a thread of the victim may change it in between.
TEST(KmsgHostileTest, ACommThatChangedBetweenTheLinesNamesNoCgroup) {
  std::string log = ContainerOom({});
  log.replace(log.find("(java)"), 6, "(evil)");
  const auto kills = Kills(log);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].victim.comm, "evil");
  EXPECT_EQ(kills[0].memcg_path, "");
  EXPECT_EQ(kills[0].limit_path, "");
}

struct Row {
  std::string name;
  Names names;
  std::string memcg_path;
  std::string limit_path;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class HostileCgroupTest : public ::testing::TestWithParam<Row> {};

TEST_P(HostileCgroupTest, NamesNobodyElse) {
  const auto kills = Kills(ContainerOom(GetParam().names));
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].victim.comm, GetParam().names.comm);
  EXPECT_EQ(kills[0].memcg_path, GetParam().memcg_path);
  EXPECT_EQ(kills[0].limit_path, GetParam().limit_path);
}

const Row kRows[] = {
    {"TaskMarkInTaskPath",
     {.task = "/kubepods/poda/abc/x,task=java"},
     "/kubepods/poda/abc/x,task=java",
     "/kubepods/poda/abc"},
    {"PidMarkInTaskPath",
     {.task = "/kubepods/poda/abc/x,pid=1,uid=0"},
     "/kubepods/poda/abc/x,pid=1,uid=0",
     "/kubepods/poda/abc"},
    {"OtherTaskPathInTaskPath", {.task = "/kubepods/poda/abc/x,task_memcg=/kubepods/podb"}, "", ""},
    {"OtherLimitInTaskPath", {.task = "/kubepods/poda/abc/x,oom_memcg=/kubepods/podb"}, "", ""},
    {"OtherTaskPathInLimit",
     {.limit = "/kubepods/podb/x,task_memcg=/kubepods/poda/abc", .task = "/kubepods/podb/x"},
     "",
     ""},
    {"OtherLimitInLimit", {.limit = "/kubepods/poda/abc/x,oom_memcg=/kubepods/podb"}, "", ""},
    {"TaskPathInCpuset", {.cpuset = "x,task_memcg="}, "", ""},
    {"LimitInCpuset", {.cpuset = "x,oom_memcg="}, "", ""},
    {"LimitIsNotAboveTheTask", {.limit = "/kubepods/podb"}, "", ""},
    {"LimitIsAPrefixInTheMiddleOfAName", {.limit = "/kubepods/poda/ab"}, "", ""},
    {"LimitIsTheRoot", {.limit = "/"}, "/kubepods/poda/abc", "/"},
    {"RelativeTaskPath", {.task = "kubepods/poda/abc"}, "", ""},
    {"InvokedInThePath",
     {.limit = "/kubepods/poda/abc", .task = "/kubepods/poda/abc/x invoked oom-killer: gfp_mask=y"},
     "/kubepods/poda/abc/x invoked oom-killer: gfp_mask=y",
     "/kubepods/poda/abc"},
    {"NewlineAndEscapeInThePath",
     {.task = "/kubepods/poda/abc/\x1b[1m\\x2d"},
     "/kubepods/poda/abc/\x1b[1m\\x2d",
     "/kubepods/poda/abc"},
};
INSTANTIATE_TEST_SUITE_P(Cgroup, HostileCgroupTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

// A cgroup's name may hold the words that begin an OOM: it then begins none.
TEST(KmsgHostileTest, ACgroupNamedLikeABeginningBeginsNothing) {
  std::string log(fixtures::kGroupOom612);
  const std::string path = "/kubepods/pod4a163a05-439d-484b-8e53-2968bc15824f/web are going";
  log.insert(log.find(path) + path.size() - 10, "/x invoked oom-killer: gfp_mask=y");
  const auto kills = Kills(log);
  ASSERT_EQ(kills.size(), 4u);
  EXPECT_TRUE(kills[3].group_announced);
  EXPECT_EQ(kills[3].oom->sequence, kills[0].oom->sequence);
}

// A comm that looks like another line's start must not keep the OOM before it alive.
TEST(KmsgHostileTest, ATriggerNamedLikeAnotherLineBeginsItsOom) {
  for (const char* trigger : {"memory: usage 1", "oom-kill:constr", "Tasks in ", "Out of memory"}) {
    std::string second = ContainerOom({.trigger = trigger});
    second.replace(second.find("6,2"), second.find("6,3") - second.find("6,2"), "");
    const auto kills = Kills(std::string(fixtures::kContainerOom510) + second);
    ASSERT_EQ(kills.size(), 2u);
    EXPECT_EQ(kills[1].oom->sequence, 5'000'000'001u) << trigger;
    EXPECT_FALSE(kills[1].oom->limit_bytes) << trigger;
  }
}

// Who may write to /dev/kmsg is given facility 1 (user) or whatever other it asks for but 0.
TEST(KmsgHostileTest, WhatProcessesWroteIsNotBelieved) {
  for (const std::string_view priority : {"8", "11", "12", "14", "30", "191", "4294967288"}) {
    std::string log;
    for (std::string record : fixtures::KmsgRecords(fixtures::kContainerOom510)) {
      log += record.replace(0, record.find(','), priority);
    }
    EXPECT_TRUE(Kills(log).empty()) << priority;
  }
}

TEST(KmsgHostileTest, InjectedLinesBetweenRealOnesChangeNothing) {
  std::string log(fixtures::kContainerOom510);
  for (const char* real : {"6,1207", "6,1214", "3,1215"}) {
    log.insert(log.find(real),
               "12,9999,8123456800,-;x invoked oom-killer: gfp_mask=0x1(), order=9\n"
               "12,9999,8123456800,-;memory: usage 1kB, limit 1kB, failcnt 1\n"
               "12,9999,8123456800,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/x,"
               "task_memcg=/x,task=java,pid=4312,uid=0\n");
  }
  const auto kills = Kills(log);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].oom->order, 0);
  EXPECT_EQ(kills[0].oom->limit_bytes, 524288u * 1024);
  EXPECT_TRUE(kills[0].memcg_path.starts_with("/kubepods/burstable/pod4a163a05"));
}

constexpr std::string_view kKillLine =
    "3,1,5000000,-;Memory cgroup out of memory: Killed process 4312 (java) total-vm:9kB, "
    "anon-rss:8kB, file-rss:7kB, shmem-rss:6kB, UID:1000 pgtables:4kB oom_score_adj:-998\n";

// Wherever the line ends, what it says is what it said before, and nothing it no longer says.
TEST(KmsgHostileTest, ACutKillLineLosesOnlyWhatWasCut) {
  const size_t certain = kKillLine.find(", file-rss");
  for (size_t length = 0; length < kKillLine.size(); ++length) {
    KmsgDecoder decoder;
    const auto kill = decoder.Feed(kKillLine.substr(0, length));
    ASSERT_EQ(kill.has_value(), length >= certain) << length;
    if (!kill) continue;
    EXPECT_EQ(kill->victim.comm, "java");
    EXPECT_EQ(kill->victim.memory.anon_rss_bytes, 8u * 1024);
    EXPECT_EQ(kill->victim.memory.file_rss_bytes.value_or(7 * 1024), 7u * 1024);
    EXPECT_EQ(kill->victim.memory.page_table_bytes.value_or(4 * 1024), 4u * 1024);
    EXPECT_EQ(kill->victim.uid.value_or(1000), 1000u);
  }
}

TEST(KmsgHostileTest, ACutHeaderNamesNothing) {
  const std::string log = ContainerOom({});
  const size_t end = log.find(",uid=0\n") + 6;
  for (size_t cut = 1; cut < end - log.find("6,3"); ++cut) {
    std::string shorter = log;
    shorter.erase(end - cut, cut);
    const auto kills = Kills(shorter);
    ASSERT_EQ(kills.size(), 1u) << cut;
    EXPECT_EQ(kills[0].memcg_path, "") << cut;
    EXPECT_EQ(kills[0].limit_path, "") << cut;
  }
}

struct Damage {
  std::string what;
  std::string with;
};

void PrintTo(const Damage& damage, std::ostream* out) {
  *out << damage.what << " → " << damage.with;
}

class KillLineTest : public ::testing::TestWithParam<Damage> {};

TEST_P(KillLineTest, IsNoKill) {
  std::string line(kKillLine);
  line.replace(line.find(GetParam().what), GetParam().what.size(), GetParam().with);
  KmsgDecoder decoder;
  EXPECT_FALSE(decoder.Feed(line));
}

INSTANTIATE_TEST_SUITE_P(
    Kill, KillLineTest,
    ::testing::Values(Damage{"4312", "4294967296"}, Damage{"4312", "0"}, Damage{"4312", "-1"},
                      Damage{"4312", "+1"}, Damage{"4312", ""},
                      Damage{"(java)", "(sixteen bytes!!!)"},
                      Damage{"9kB", "18446744073709551616kB"}, Damage{"9kB", "18014398509481984kB"},
                      Damage{"9kB", "-9kB"}, Damage{"8kB", "8MB"}, Damage{"8kB", ""},
                      Damage{"total-vm", "totalvm"}, Damage{"3,1,", "3,x,"}, Damage{"3,1,", "3,"},
                      Damage{"5000000", "18446744073709551616"}, Damage{"3,1,", "-1,1,"},
                      Damage{";", " "}, Damage{"Killed", "Spared"}));

TEST(KmsgHostileTest, NumbersThatOverflowAreAbsent) {
  std::string line(kKillLine);
  line.replace(line.find("UID:1000"), 8, "UID:4294967296");
  KmsgDecoder decoder;
  const auto kill = decoder.Feed(line);
  ASSERT_TRUE(kill);
  EXPECT_FALSE(kill->victim.uid);
  EXPECT_EQ(kill->victim.memory.shmem_rss_bytes, 6u * 1024);
}

}  // namespace
}  // namespace oomtrail::decode
