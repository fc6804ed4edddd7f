// Events a second and core through decode → resolve → attribute → JSON, 500 containers known, and
// where the time goes. Budget with journal and subscriber: 50,000 (docs/design.md).
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/attribute/attributor.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/decode/record_decoder.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/cgroup_mount.h"
#include "agent/resolve/resolver.h"
#include "tests/fixtures/kernel_records.h"

namespace oomtrail {
namespace {

using fixtures::kMib;

constexpr size_t kContainers = 500;

std::string ContainerIdText(size_t i) { return absl::StrFormat("%064x", 0x5eed0000 + i); }
std::string UidText(size_t i) { return absl::StrFormat("%08x-0b1c-4d2e-8f3a-%012x", i, i); }

// As a node with the systemd driver names them.
std::string PodSlice(size_t i) {
  std::string uid = UidText(i);
  for (char& c : uid) c = c == '-' ? '_' : c;
  return "kubepods-burstable-pod" + uid + ".slice";
}

attribute::Listing Node500() {
  attribute::Listing listing;
  for (size_t i = 0; i < kContainers; ++i) {
    attribute::PodEntry pod;
    pod.facts.name = absl::StrFormat("cart-7d9f8b6c5-%05x", i);
    pod.facts.ns = absl::StrFormat("shop-%d", i % 20);
    pod.facts.uid = UidText(i);
    pod.facts.labels = {{"app.kubernetes.io/name", "cart"},
                        {"app.kubernetes.io/part-of", "shop"},
                        {"pod-template-hash", "7d9f8b6c5"}};
    pod.facts.workload = model::Workload{.kind = "Deployment", .name = "cart", .inferred = true};
    pod.cgroup_uid = model::PodUid::Parse(pod.facts.uid);
    model::ContainerFacts facts{.name = "api", .image = "registry.example/shop/cart:1.42.0"};
    facts.restart_count = 3;
    facts.runtime = model::Runtime::kContainerd;
    pod.containers.push_back({*model::ContainerId::Parse(ContainerIdText(i)), facts, false});
    listing.pods.push_back(std::move(pod));
  }
  return listing;
}

fixtures::RecordBytes Record(size_t i) {
  const uint64_t id = 1000 + i;
  return fixtures::KillRecord()
      .Victim(4312, "java")
      .Started(1)
      .Uid(1000)
      .ScoreAdj(985)
      .Rss(498 * kMib, 12 * kMib, 0)
      .PageTables(kMib)
      .TotalVm(2048 * kMib)
      .Trigger(4312, "java", id)
      .MemcgOom(i + 1, id, 512 * kMib, 512 * kMib)
      .Allocation(0, 0xcc0, 131072)
      .Level(id, "cri-containerd-" + ContainerIdText(i) + ".scope", 512 * kMib, 512 * kMib)
      .Level(100'000 + i, PodSlice(i), 513 * kMib)
      .Level(12, "kubepods-burstable.slice", 9000 * kMib)
      .Level(11, "kubepods.slice", 9500 * kMib)
      .Root()
      .Bytes();
}

template <typename T>
void Overwrite(fixtures::RecordBytes& bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

// The stages of a node, and kills in its containers, no two alike: a victim dies once.
class Stages {
 public:
  Stages() {
    directory_.Update("cri", Node500());
    for (size_t i = 0; i < kContainers; ++i) records_.push_back(Record(i));
  }

  const fixtures::RecordBytes& NextRecord() {
    fixtures::RecordBytes& bytes = records_[next_ % kContainers];
    ++next_;
    Overwrite(bytes, offsetof(ot_kill, header) + offsetof(ot_header, boot_ns), next_ * 1000);
    Overwrite(bytes, offsetof(ot_kill, victim) + offsetof(ot_process, start_boot_ns), next_);
    Overwrite(bytes, offsetof(ot_kill, victim) + offsetof(ot_process, tgid),
              static_cast<uint32_t>(next_ % 4'000'000 + 1));
    return bytes;
  }
  static model::Kill Decode(const fixtures::RecordBytes& bytes) {
    return std::get<model::Kill>(*decode::DecodeRecord(bytes));
  }
  std::optional<resolve::ResolvedKill> Resolve(model::Kill kill) {
    return resolver_.Resolve(std::move(kill));
  }
  model::Event Attribute(const resolve::ResolvedKill& resolved) {
    return attributor_.Attribute(resolved);
  }
  model::Event NextEvent() { return Attribute(*Resolve(Decode(NextRecord()))); }

 private:
  base::SystemClock clock_;
  resolve::CgroupIndex index_{resolve::CgroupMount{.version = 2}, clock_};
  resolve::Resolver resolver_{index_, /*proc_root=*/""};
  attribute::PodDirectory directory_{clock_};
  attribute::Attributor attributor_{
      directory_, clock_, {.name = "node-17", .boot_id = "0123456789abcdef", .has_sources = true}};
  std::vector<fixtures::RecordBytes> records_;
  uint64_t next_ = 0;
};

// Refuses to time a path that is not the one a kill takes.
bool IsWhole(const model::Event& event, benchmark::State& state) {
  if (event.attribution.status == model::AttributionStatus::kFull) return true;
  state.SkipWithError("the event has no names");
  return false;
}

void BM_DecodeToJson(benchmark::State& state) {
  Stages stages;
  if (!IsWhole(stages.NextEvent(), state)) return;
  for (auto _ : state) benchmark::DoNotOptimize(publish::ToJson(stages.NextEvent()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DecodeToJson);

void BM_DecodeToEvent(benchmark::State& state) {
  Stages stages;
  for (auto _ : state) benchmark::DoNotOptimize(stages.NextEvent());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DecodeToEvent);

void BM_DecodeAndResolve(benchmark::State& state) {
  Stages stages;
  for (auto _ : state) {
    benchmark::DoNotOptimize(stages.Resolve(Stages::Decode(stages.NextRecord())));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DecodeAndResolve);

void BM_Attribute(benchmark::State& state) {
  Stages stages;
  const auto resolved = *stages.Resolve(Stages::Decode(stages.NextRecord()));
  for (auto _ : state) benchmark::DoNotOptimize(stages.Attribute(resolved));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Attribute);

void BM_ToJson(benchmark::State& state) {
  Stages stages;
  const model::Event event = stages.NextEvent();
  size_t bytes = 0;
  for (auto _ : state) bytes += publish::ToJson(event).size();
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_ToJson);

void BM_ToText(benchmark::State& state) {
  Stages stages;
  const model::Event event = stages.NextEvent();
  for (auto _ : state) benchmark::DoNotOptimize(publish::ToText(event));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ToText);

}  // namespace
}  // namespace oomtrail
