// Ring records: every field of a good one, and one damage a row.
#include "agent/decode/record_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <variant>

#include "tests/fixtures/kernel_records.h"

namespace oomtrail::decode {
namespace {

using fixtures::CgroupChangeRecord;
using fixtures::KillRecord;
using fixtures::kMib;
using fixtures::kUnlimited;
using fixtures::OomWithoutKillRecord;
using fixtures::RecordBytes;
using model::CgroupChange;
using model::CgroupId;
using model::HookMethod;
using ::testing::HasSubstr;

template <typename Value>
Value Decoded(const RecordBytes& bytes) {
  auto record = DecodeRecord(bytes);
  EXPECT_TRUE(record.ok()) << record.status();
  if (!record.ok() || !std::holds_alternative<Value>(*record)) return Value{};
  return std::get<Value>(*std::move(record));
}

model::Kill DecodedKill(const KillRecord& record) { return Decoded<model::Kill>(record.Bytes()); }

// A process of a container with a limit of 512 MiB, in a pod with 768.
KillRecord PodKill() {
  return KillRecord()
      .At(8'123'456'789'000)
      .Victim(4312, "java")
      .Started(7'000'000'000'000)
      .Uid(1000)
      .ScoreAdj(-997)
      .Rss(498 * kMib, 3 * kMib, 1 * kMib)
      .PageTables(1'314'816)
      .TotalVm(3000 * kMib)
      .Trigger(4390, "java-gc", 21)
      .MemcgOom(8'123'456'780'000, 21, 512 * kMib, 512 * kMib)
      .Allocation(0, 0xcc0, 131072)
      .Level(21, "app", 512 * kMib, 512 * kMib)
      .Counts(7, 5)
      .Swap(0, 0)
      .OomGroup()
      .Level(20, "pod4a163a05-439d-484b-8e53-2968bc15824f", 600 * kMib, 768 * kMib)
      .Root();
}

TEST(RecordDecoderTest, ReadsEveryFieldOfTheVictim) {
  const model::Kill kill = DecodedKill(PodKill());
  EXPECT_EQ(kill.boot_ns, 8'123'456'789'000u);
  EXPECT_EQ(kill.victim.pid, 4312u);
  EXPECT_EQ(kill.victim.tid, 4312u);
  EXPECT_EQ(kill.victim.comm, "java");
  EXPECT_EQ(kill.victim.start_boot_ns, 7'000'000'000'000u);
  EXPECT_EQ(kill.victim.uid, 1000u);
  EXPECT_EQ(kill.victim.oom_score_adj, -997);
  EXPECT_EQ(kill.victim.memory, (model::ProcessMemory{.anon_rss_bytes = 498 * kMib,
                                                      .file_rss_bytes = 3 * kMib,
                                                      .shmem_rss_bytes = 1 * kMib,
                                                      .page_table_bytes = 1'314'816,
                                                      .total_vm_bytes = 3000 * kMib}));
}

TEST(RecordDecoderTest, ReadsEveryFieldOfTheOom) {
  const model::Kill kill = DecodedKill(PodKill());
  EXPECT_EQ(kill.hook.name, "__oom_kill_process");
  EXPECT_EQ(kill.hook.method, HookMethod::kFentry);
  ASSERT_TRUE(kill.trigger);
  EXPECT_EQ(kill.trigger->pid, 4390u);
  EXPECT_EQ(kill.trigger->tid, 4390u);
  EXPECT_EQ(kill.trigger->comm, "java-gc");
  EXPECT_EQ(kill.trigger->memcg, CgroupId{21});
  ASSERT_TRUE(kill.oom);
  EXPECT_EQ(kill.oom->constraint, model::Constraint::kMemcg);
  EXPECT_EQ(kill.oom->order, 0);
  EXPECT_EQ(kill.oom->gfp, 0xcc0u);
  EXPECT_EQ(kill.oom->total_pages, 131072u);
  EXPECT_EQ(kill.oom->limit_memcg, CgroupId{21});
  EXPECT_EQ(kill.oom->limit_usage_bytes, 512 * kMib);
  EXPECT_EQ(kill.oom->limit_bytes, 512 * kMib);
  EXPECT_EQ(kill.oom->sequence, 8'123'456'780'000u);
  EXPECT_FALSE(kill.needs_proof);
  EXPECT_FALSE(kill.group_announced);
  EXPECT_EQ(kill.memcg_path, "");
  EXPECT_EQ(kill.limit_path, "");
}

TEST(RecordDecoderTest, ReadsEveryFieldOfTheCgroupChain) {
  const model::MemcgChain chain = DecodedKill(PodKill()).memcg;
  EXPECT_EQ(chain.hierarchy, 0u);
  EXPECT_TRUE(chain.complete);
  EXPECT_TRUE(chain.named);
  EXPECT_EQ(chain.Path(), "/pod4a163a05-439d-484b-8e53-2968bc15824f/app");
  EXPECT_EQ(chain.Path(1), "/pod4a163a05-439d-484b-8e53-2968bc15824f");
  EXPECT_EQ(chain.Path(2), "/");
  ASSERT_EQ(chain.levels.size(), 3u);
  const model::MemcgLevel& own = chain.levels[0];
  EXPECT_EQ(own.id, CgroupId{21});
  EXPECT_EQ(own.name, "app");
  EXPECT_TRUE(own.oom_group);
  EXPECT_EQ(own.usage_bytes, 512 * kMib);
  EXPECT_EQ(own.limit_bytes, 512 * kMib);
  EXPECT_EQ(own.swap_usage_bytes, 0u);
  EXPECT_EQ(own.swap_limit_bytes, 0u);
  EXPECT_EQ(own.oom_count, 7u);
  EXPECT_EQ(own.oom_kill_count, 5u);
  EXPECT_FALSE(chain.levels[1].oom_group);
  EXPECT_EQ(chain.levels[1].usage_bytes, 600 * kMib);
}

TEST(RecordDecoderTest, ReadsAnOomWithoutKill) {
  const auto oom =
      Decoded<model::OomWithoutKill>(OomWithoutKillRecord()
                                         .At(77)
                                         .By(OT_HOOK_MEMCG_OUT_OF_MEMORY, OT_METHOD_KPROBE)
                                         .Trigger(51, "init", 9)
                                         .Allocation(3, 0xdc0)
                                         .Suppressed(41)
                                         .Level(9, "lonely", kMib, kMib)
                                         .Root()
                                         .Bytes());
  EXPECT_EQ(oom.hook.name, "mem_cgroup_out_of_memory");
  EXPECT_EQ(oom.hook.method, HookMethod::kKprobe);
  EXPECT_EQ(oom.boot_ns, 77u);
  EXPECT_EQ(oom.trigger.pid, 51u);
  EXPECT_EQ(oom.trigger.comm, "init");
  EXPECT_EQ(oom.trigger.memcg, CgroupId{9});
  EXPECT_EQ(oom.order, 3);
  EXPECT_EQ(oom.gfp, 0xdc0u);
  EXPECT_EQ(oom.suppressed, 41u);
  EXPECT_EQ(oom.memcg.Path(), "/lonely");
}

TEST(RecordDecoderTest, ReadsCgroupChanges) {
  const auto made = Decoded<CgroupChange>(
      CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 30).Named(20, "init.scope").Bytes());
  EXPECT_EQ(made.kind, CgroupChange::Kind::kMade);
  EXPECT_EQ(made.id, CgroupId{30});
  EXPECT_EQ(made.parent, CgroupId{20});
  EXPECT_EQ(made.name, "init.scope");
  const auto removed =
      Decoded<CgroupChange>(CgroupChangeRecord(OT_RECORD_CGROUP_REMOVED, 30).Bytes());
  EXPECT_EQ(removed.kind, CgroupChange::Kind::kRemoved);
  EXPECT_EQ(removed.name, "");
  const auto renamed = Decoded<CgroupChange>(
      CgroupChangeRecord(OT_RECORD_CGROUP_RENAMED, 30).Named(20, "b").Bytes());
  EXPECT_EQ(renamed.kind, CgroupChange::Kind::kRenamed);
}

TEST(RecordDecoderTest, WhatIsNotFlaggedIsAbsent) {
  const auto scribble = [](ot_kill& kill) {
    kill.victim.flags = 0;
    kill.oom.flags = 0;
    kill.chain.levels[0].flags = 0;
  };
  const model::Kill kill = DecodedKill(PodKill().With(scribble));
  EXPECT_EQ(kill.victim.pid, 0u);
  EXPECT_EQ(kill.victim.tid, 4312u);
  EXPECT_EQ(kill.victim.comm, "");
  EXPECT_FALSE(kill.victim.start_boot_ns);
  EXPECT_FALSE(kill.victim.uid);
  EXPECT_FALSE(kill.victim.oom_score_adj);
  EXPECT_EQ(kill.victim.memory, model::ProcessMemory{});
  EXPECT_FALSE(kill.oom);
  const model::MemcgLevel& level = kill.memcg.levels[0];
  EXPECT_EQ(level.id, CgroupId{21});
  EXPECT_EQ(level.name, "");
  EXPECT_FALSE(level.oom_group);
  EXPECT_FALSE(level.usage_bytes || level.limit_bytes || level.swap_usage_bytes ||
               level.swap_limit_bytes || level.oom_count || level.oom_kill_count);
}

TEST(RecordDecoderTest, AGlobalOomHasNoLimit) {
  const model::Kill kill = DecodedKill(KillRecord().GlobalOom(5).With([](ot_kill& raw) {
    raw.oom.limit_memcg_id = 21;
    raw.oom.limit_max_pages = 1;
  }));
  ASSERT_TRUE(kill.oom);
  EXPECT_FALSE(kill.oom->limit_memcg.known());
  EXPECT_FALSE(kill.oom->limit_usage_bytes);
  EXPECT_FALSE(kill.oom->limit_bytes);
}

TEST(RecordDecoderTest, OnlyMarkVictimNeedsProof) {
  const model::Kill kill = DecodedKill(KillRecord().By(OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF));
  EXPECT_EQ(kill.hook.name, "mark_victim");
  EXPECT_EQ(kill.hook.method, HookMethod::kTpBtf);
  EXPECT_TRUE(kill.needs_proof);
}

TEST(RecordDecoderTest, UnlimitedIsAbsent) {
  const model::Kill kill =
      DecodedKill(KillRecord().MemcgOom(5, 2, kMib, kUnlimited).Level(2, "a", kMib, kUnlimited));
  EXPECT_EQ(kill.memcg.levels[0].usage_bytes, kMib);
  EXPECT_FALSE(kill.memcg.levels[0].limit_bytes);
  EXPECT_FALSE(kill.memcg.levels[0].swap_limit_bytes);
  EXPECT_FALSE(kill.oom->limit_bytes);
}

TEST(RecordDecoderTest, TheLargestLimitBelowUnlimitedIsALimit) {
  const model::Kill kill =
      DecodedKill(KillRecord().Level(2, "a", kMib, kUnlimited - fixtures::kPageSize));
  EXPECT_EQ(kill.memcg.levels[0].limit_bytes, kUnlimited - fixtures::kPageSize);
}

TEST(RecordDecoderTest, PagesOf64KibAreCountedAsSuch) {
  const model::Kill kill = DecodedKill(KillRecord().Level(2, "a").With([](ot_kill& raw) {
    raw.chain.page_size = 65536;
    raw.chain.levels[0].usage_pages = 16;
    raw.chain.levels[0].limit_pages = 140737488355327;  // PAGE_COUNTER_MAX there
  }));
  EXPECT_EQ(kill.memcg.levels[0].usage_bytes, kMib);
  EXPECT_FALSE(kill.memcg.levels[0].limit_bytes);
}

TEST(RecordDecoderTest, HugePageCountsDoNotWrapIntoSmallSizes) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const model::Kill kill =
      DecodedKill(KillRecord().Rss(0, 0, 0).TotalVm(0).Level(2, "a").With([](ot_kill& raw) {
        raw.victim.anon_pages = kMost;
        raw.victim.total_vm_pages = kMost / 4096 + 1;
        raw.chain.levels[0].usage_pages = kMost - 1;
        raw.chain.levels[0].limit_pages = kMost;
      }));
  EXPECT_EQ(kill.victim.memory.anon_rss_bytes, kMost);
  EXPECT_EQ(kill.victim.memory.total_vm_bytes, kMost);
  EXPECT_EQ(kill.memcg.levels[0].usage_bytes, kMost);
  EXPECT_FALSE(kill.memcg.levels[0].limit_bytes);
}

TEST(RecordDecoderTest, CommIsKeptByteForByte) {
  const std::string comm = "\x1b[2J\n\xff\\\"a";
  EXPECT_EQ(DecodedKill(KillRecord().Victim(1, comm)).victim.comm, comm);
}

TEST(RecordDecoderTest, CommWithoutNulIsAllOfTheField) {
  const model::Kill kill =
      DecodedKill(KillRecord().Victim(1, "sixteen bytes!!!").Trigger(2, "another sixteen!"));
  EXPECT_EQ(kill.victim.comm, "sixteen bytes!!!");
  EXPECT_EQ(kill.trigger->comm, "another sixteen!");
}

// A chain with a name that cannot be one is a chain without that name, not a wrong path.
TEST(RecordDecoderTest, ANameThatIsNotWholeIsNone) {
  const std::string cut(OT_NAME_BYTES, 'x');
  for (const std::string& name : {cut, std::string("a/b"), std::string("/"), std::string()}) {
    const model::Kill kill = DecodedKill(KillRecord().Level(3, name).Level(2, "pod").Root());
    EXPECT_EQ(kill.memcg.levels[0].name, "") << name;
    EXPECT_FALSE(kill.memcg.named) << name;
    EXPECT_EQ(kill.memcg.Path(), "") << name;
    EXPECT_EQ(
        Decoded<CgroupChange>(CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 3).Named(2, name).Bytes())
            .name,
        "");
  }
  const std::string longest(OT_NAME_BYTES - 1, 'x');
  EXPECT_EQ(DecodedKill(KillRecord().Level(3, longest).Root()).memcg.Path(), "/" + longest);
}

TEST(RecordDecoderTest, AChainThatDoesNotReachTheRootHasNoPath) {
  KillRecord record;
  for (uint64_t id = OT_MAX_LEVELS + 1; id > 1; --id) record.Level(id, "deep");
  const model::MemcgChain chain = DecodedKill(record).memcg;
  EXPECT_EQ(chain.levels.size(), size_t{OT_MAX_LEVELS});
  EXPECT_FALSE(chain.complete);
  EXPECT_EQ(chain.Path(), "");
}

TEST(RecordDecoderTest, ARecordWithoutChainHasNoPath) {
  const model::MemcgChain chain = DecodedKill(KillRecord().With([](ot_kill& raw) {
                                    raw.chain.flags = OT_CHAIN_COMPLETE;
                                  })).memcg;
  EXPECT_FALSE(chain.complete);
  EXPECT_FALSE(chain.named);
  EXPECT_EQ(chain.Path(), "");
}

struct Damage {
  std::string name;
  std::function<RecordBytes()> make;
  absl::StatusCode code;
  std::string says;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

RecordBytes Resized(RecordBytes bytes, ptrdiff_t by) {
  bytes.resize(bytes.size() + static_cast<size_t>(by));
  const auto length = static_cast<uint32_t>(bytes.size());
  if (bytes.size() >= sizeof(ot_header)) {
    std::memcpy(bytes.data() + offsetof(ot_header, length), &length, sizeof length);
  }
  return bytes;
}

template <typename Change>
std::function<RecordBytes()> Kill(Change change) {
  return [change] { return PodKill().With(change).Bytes(); };
}

class DamageTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamageTest, IsRefused) {
  const auto record = DecodeRecord(GetParam().make());
  EXPECT_EQ(record.status().code(), GetParam().code);
  EXPECT_THAT(std::string(record.status().message()), HasSubstr(GetParam().says));
}

constexpr auto kLoss = absl::StatusCode::kDataLoss;
constexpr auto kOther = absl::StatusCode::kUnimplemented;

const Damage kDamages[] = {
    {"Nothing", [] { return RecordBytes(); }, kLoss, "0 bytes, less than a header"},
    {"ShortHeader", [] { return RecordBytes(15); }, kLoss, "15 bytes, less than a header"},
    {"OtherAbi", Kill([](ot_kill& raw) { raw.header.abi = 2; }), kOther, "ABI 2, this agent reads"},
    {"NoType", Kill([](ot_kill& raw) { raw.header.type = 0; }), kOther, "type 0"},
    {"UnknownType", Kill([](ot_kill& raw) { raw.header.type = 6; }), kOther, "type 6"},
    {"LengthTooSmall",
     [] {
       RecordBytes bytes = PodKill().Bytes();
       bytes.pop_back();
       return bytes;
     },
     kLoss, "says 792 bytes, has 791"},
    {"LengthTooBig",
     [] {
       RecordBytes bytes = PodKill().Bytes();
       bytes.push_back({});
       return bytes;
     },
     kLoss, "says 792 bytes, has 793"},
    {"CutBeforeTheChain", [] { return Resized(PodKill().Bytes(), 215 - 792); }, kLoss, "215 bytes"},
    {"CutInALevel", [] { return Resized(PodKill().Bytes(), -1); }, kLoss,
     "591 bytes for 3 cgroup levels"},
    {"ALevelTooMany", [] { return Resized(PodKill().Bytes(), sizeof(ot_level)); }, kLoss,
     "784 bytes for 3 cgroup levels"},
    {"LongerThanAnyKill", [] { return Resized(PodKill().Bytes(), 4096); }, kLoss, "expected"},
    {"CountAboveLevelsSent", Kill([](ot_kill& raw) { raw.chain.count = 17; }), kLoss,
     "record: 17 cgroup levels"},
    {"CountThatWouldWrap", Kill([](ot_kill& raw) { raw.chain.count = 0xffffffff; }), kLoss,
     "record: 4294967295 cgroup levels"},
    {"CountBelowLevelsSent",
     [] {
       RecordBytes bytes = PodKill().Bytes();
       bytes[offsetof(ot_kill, chain.count)] = std::byte{2};
       return bytes;
     },
     kLoss, "592 bytes for 2 cgroup levels"},
    {"PageSizeZero", Kill([](ot_kill& raw) { raw.chain.page_size = 0; }), kLoss, "page size 0"},
    {"PageSizeOdd", Kill([](ot_kill& raw) { raw.chain.page_size = 4097; }), kLoss, "page size"},
    {"PageSizeHuge", Kill([](ot_kill& raw) { raw.chain.page_size = 1u << 31; }), kLoss,
     "page size"},
    {"MethodZero", Kill([](ot_kill& raw) { raw.method = 0; }), kLoss, "method 0"},
    {"MethodUnknown", Kill([](ot_kill& raw) { raw.method = 9; }), kLoss, "method 9"},
    {"HookUnknown", Kill([](ot_kill& raw) { raw.hook = 9; }), kLoss, "hook 9"},
    {"HookOfCgroups", Kill([](ot_kill& raw) { raw.hook = OT_HOOK_CGROUP; }), kLoss, "hook 4"},
    {"ConstraintUnknown", Kill([](ot_kill& raw) { raw.oom.constraint = 4; }), kLoss,
     "constraint 4"},
    {"OomWithoutKillCut",
     [] { return Resized(OomWithoutKillRecord().Level(2, "a").Root().Bytes(), -1); }, kLoss,
     "399 bytes for 2 cgroup levels"},
    {"OomWithoutKillMethod",
     [] {
       return OomWithoutKillRecord().With([](ot_oom_without_kill& raw) { raw.method = 5; }).Bytes();
     },
     kLoss, "method 5"},
    {"ChangeCut", [] { return CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 3).Bytes(167); }, kLoss,
     "167 bytes, expected 168"},
    {"ChangeTooLong", [] { return CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 3).Bytes(169); }, kLoss,
     "169 bytes, expected 168"},
};
INSTANTIATE_TEST_SUITE_P(Record, DamageTest, ::testing::ValuesIn(kDamages),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace oomtrail::decode
