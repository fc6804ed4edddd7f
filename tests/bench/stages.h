// The stages of a node with 500 known containers, and kills in them: what the benchmarks run.
#pragma once

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
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/cgroup_mount.h"
#include "agent/resolve/resolver.h"
#include "tests/fixtures/kernel_records.h"

namespace oomtrail::bench {

inline constexpr size_t kContainers = 500;

inline std::string ContainerIdText(size_t i) { return absl::StrFormat("%064x", 0x5eed0000 + i); }
inline std::string UidText(size_t i) { return absl::StrFormat("%08x-0b1c-4d2e-8f3a-%012x", i, i); }

// As a node with the systemd driver names them.
inline std::string PodSlice(size_t i) {
  std::string uid = UidText(i);
  for (char& c : uid) c = c == '-' ? '_' : c;
  return "kubepods-burstable-pod" + uid + ".slice";
}

inline attribute::Listing Node500() {
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

inline fixtures::RecordBytes Record(size_t i) {
  const uint64_t id = 1000 + i;
  return fixtures::KillRecord()
      .Victim(4312, "java")
      .Started(1)
      .Uid(1000)
      .ScoreAdj(985)
      .Rss(498 * fixtures::kMib, 12 * fixtures::kMib, 0)
      .PageTables(fixtures::kMib)
      .TotalVm(2048 * fixtures::kMib)
      .Trigger(4312, "java", id)
      .MemcgOom(i + 1, id, 512 * fixtures::kMib, 512 * fixtures::kMib)
      .Allocation(0, 0xcc0, 131072)
      .Level(id, "cri-containerd-" + ContainerIdText(i) + ".scope", 512 * fixtures::kMib,
             512 * fixtures::kMib)
      .Level(100'000 + i, PodSlice(i), 513 * fixtures::kMib)
      .Level(12, "kubepods-burstable.slice", 9000 * fixtures::kMib)
      .Level(11, "kubepods.slice", 9500 * fixtures::kMib)
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

}  // namespace oomtrail::bench
