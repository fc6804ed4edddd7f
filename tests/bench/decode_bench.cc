// What it costs to read one kernel record. Budget: decode to subscriber, 50,000 events/s.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "agent/decode/kmsg_decoder.h"
#include "agent/decode/record_decoder.h"
#include "tests/fixtures/kernel_records.h"
#include "tests/fixtures/kmsg_transcripts.h"

namespace oomtrail::decode {
namespace {

using fixtures::kMib;

// A container of a burstable pod under the systemd driver: five levels with the root.
void DecodeFiveLevels(benchmark::State& state) {
  const auto record =
      fixtures::KillRecord()
          .Victim(4312, "java")
          .Rss(498 * kMib, 3 * kMib, kMib)
          .Trigger(4312, "java", 21)
          .MemcgOom(1, 21, 512 * kMib, 512 * kMib)
          .Level(21,
                 "cri-containerd-594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d"
                 ".scope",
                 512 * kMib, 512 * kMib)
          .Level(20, "kubepods-burstable-pod4a163a05_439d_484b_8e53_2968bc15824f.slice")
          .Level(3, "kubepods-burstable.slice")
          .Level(2, "kubepods.slice")
          .Root()
          .Bytes();
  for (auto _ : state) {
    auto decoded = DecodeRecord(record);
    benchmark::DoNotOptimize(decoded);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DecodeFiveLevels);

void DecodeCgroupChange(benchmark::State& state) {
  const auto record = fixtures::CgroupChangeRecord(OT_RECORD_CGROUP_MADE, 30)
                          .Named(20, "kubepods-besteffort.slice")
                          .Bytes();
  for (auto _ : state) {
    auto decoded = DecodeRecord(record);
    benchmark::DoNotOptimize(decoded);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DecodeCgroupChange);

// All the lines of an OOM, for one kill.
void FeedContainerOom(benchmark::State& state) {
  const std::vector<std::string> records = fixtures::KmsgRecords(fixtures::kContainerOom510);
  KmsgDecoder decoder;
  for (auto _ : state) {
    for (const std::string& record : records) {
      auto kill = decoder.Feed(record);
      benchmark::DoNotOptimize(kill);
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FeedContainerOom);

// Most of a log is about something else.
void FeedOtherLine(benchmark::State& state) {
  const std::string record =
      "6,900,621423100,-;IPv6: ADDRCONF(NETDEV_CHANGE): veth5f2a3b1c: link becomes ready\n";
  KmsgDecoder decoder;
  for (auto _ : state) {
    auto kill = decoder.Feed(record);
    benchmark::DoNotOptimize(kill);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FeedOtherLine);

}  // namespace
}  // namespace oomtrail::decode
