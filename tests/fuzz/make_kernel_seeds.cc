// Writes the seeds of the fuzzers that read what the kernel gives: make_kernel_seeds
// tests/fuzz/corpus
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "agent/kernel/recording.h"
#include "tests/fixtures/kernel_records.h"
#include "tests/fixtures/kmsg_transcripts.h"

namespace {

using oomtrail::fixtures::CgroupChangeRecord;
using oomtrail::fixtures::KillRecord;
using oomtrail::fixtures::kMib;
using oomtrail::fixtures::OomWithoutKillRecord;
using oomtrail::fixtures::RecordBytes;

const KillRecord kKill = KillRecord()
                             .At(8'123'456'789'000)
                             .Victim(4312, "java")
                             .Started(7'000'000'000'000)
                             .Uid(1000)
                             .ScoreAdj(-997)
                             .Rss(498 * kMib, 3 * kMib, kMib)
                             .PageTables(1'314'816)
                             .TotalVm(3000 * kMib)
                             .Trigger(4390, "java-gc", 21)
                             .MemcgOom(8'123'456'780'000, 21, 512 * kMib, 512 * kMib)
                             .Level(21, "app", 512 * kMib, 512 * kMib)
                             .Counts(7, 5)
                             .OomGroup()
                             .Level(20, "pod4a163a05-439d-484b-8e53-2968bc15824f")
                             .Root();

const std::pair<std::string_view, RecordBytes> kRecords[] = {
    {"kill", kKill.Bytes()},
    {"kill_v1", KillRecord(kKill).CgroupV1().By(OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF).Bytes()},
    {"kill_global", KillRecord().Victim(1, "a").GlobalOom(1, 1).Level(5, "b").Root().Bytes()},
    {"kill_thread", KillRecord().VictimThread(4312).Bytes()},
    {"oom_without_kill",
     OomWithoutKillRecord().Trigger(9, "sh", 5).Level(5, "b").Root().Suppressed(3).Bytes()},
    {"cgroup_made", CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 30).Named(20, "app").Bytes()},
    {"cgroup_removed", CgroupChangeRecord(OT_RECORD_CGROUP_REMOVED, 30).Bytes()},
};

const std::pair<std::string_view, std::string_view> kLogs[] = {
    {"container_5.10", oomtrail::fixtures::kContainerOom510},
    {"pod_6.1", oomtrail::fixtures::kPodOom61},
    {"group_6.12", oomtrail::fixtures::kGroupOom612},
    {"global_6.1", oomtrail::fixtures::kGlobalOom61},
    {"hostile_6.18", oomtrail::fixtures::kHostileComm618},
};

bool WriteRecording(const std::string& path) {
  auto writer = oomtrail::kernel::RecordingWriter::Create(
      path, {.node = "worker-1", .boot_id = "6b1b36cb", .wall_minus_boot_ns = 1});
  if (!writer.ok()) return false;
  const RecordBytes change = CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 30).Bytes();
  constexpr std::string_view kLine = "6,1,2,-;text\n";
  return (*writer)->Append(oomtrail::kernel::FrameKind::kRing, change).ok() &&
         (*writer)
             ->Append(oomtrail::kernel::FrameKind::kKmsg, std::as_bytes(std::span(kLine)))
             .ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_kernel_seeds CORPUS\n";
    return 2;
  }
  const std::string corpus = argv[1];
  const auto write = [&](const char* fuzzer, std::string_view name, std::string_view bytes) {
    std::filesystem::create_directories(corpus + "/" + fuzzer);
    std::ofstream(corpus + "/" + fuzzer + "/" + std::string(name), std::ios::binary) << bytes;
  };
  for (const auto& [name, bytes] : kRecords) {
    write("record_decoder_fuzz", name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  for (const auto& [name, log] : kLogs) write("kmsg_decoder_fuzz", name, log);
  std::filesystem::create_directories(corpus + "/recording_fuzz");
  return WriteRecording(corpus + "/recording_fuzz/two_frames") ? 0 : 1;
}
