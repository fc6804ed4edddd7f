// What a pass of the lookout costs on a node of 500 containers, by each reader: real cgroups, made
// for it and removed.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/forecast/cgroup_files_reader.h"
#include "agent/forecast/near_files.h"
#include "agent/forecast/usage_reader.h"
#include "agent/forecast/warning_ledger.h"
#include "agent/forecast/watchkeeper.h"
#include "agent/kernel/kernel_features.h"
#include "tests/fixtures/real_cgroups.h"

namespace oomtrail::bench {
namespace {

using forecast::NearQuestion;
using forecast::NearReading;
using forecast::Usage;
using forecast::UsageQuestion;
using forecast::UsageReader;
using forecast::WatchedCgroup;

constexpr size_t kContainers = 500;
constexpr uint64_t kMib = 1024 * 1024;

// 500 pods of one container, each with a limit.
class Node {
 public:
  Node() {
    if (!cgroups_.problem().empty()) return;
    const std::string limit =
        cgroups_.mount().version == 2 ? "memory.max" : "memory.limit_in_bytes";
    for (size_t i = 0; i < kContainers; ++i) {
      const std::string pod = cgroups_.Make(absl::StrFormat("pod%d", i));
      watched_.push_back({.id = cgroups_.IdOf(pod), .path = pod, .identity = {}});
      const std::string path = cgroups_.Make(absl::StrFormat("pod%d/container", i));
      static_cast<void>(cgroups_.Write(path, limit, std::to_string(64 * kMib)));
      WatchedCgroup container{.id = cgroups_.IdOf(path), .path = path, .identity = {}};
      container.identity.level = model::Level::kContainer;
      container.identity.container_id = model::ContainerId::Parse(absl::StrFormat("%064x", i));
      watched_.push_back(std::move(container));
    }
  }

  const resolve::CgroupMount& mount() const { return cgroups_.mount(); }
  const std::vector<WatchedCgroup>& watched() const { return watched_; }

 private:
  const fixtures::RealCgroups cgroups_;
  std::vector<WatchedCgroup> watched_;
};

const Node& TheNode() {
  static const Node node;
  return node;
}

std::unique_ptr<UsageReader> Open(bool iterator, benchmark::State& state) {
  if (!iterator) return std::make_unique<forecast::CgroupFilesReader>(TheNode().mount());
  auto reader = forecast::OpenIteratorReader(kernel::ProbeKernelFeatures(), TheNode().mount());
  if (reader.ok()) return *std::move(reader);
  state.SkipWithError(std::string(reader.status().message()).c_str());
  return nullptr;
}

// Every container is read: the most that a second can ask for.
void BM_Usage(benchmark::State& state) {
  if (TheNode().watched().empty()) return state.SkipWithError("no memory cgroups to make");
  const auto reader = Open(state.range(0) != 0, state);
  if (reader == nullptr) return;
  std::vector<UsageQuestion> questions;
  for (const WatchedCgroup& cgroup : TheNode().watched()) {
    if (!cgroup.identity.container_id) continue;
    questions.push_back({.id = cgroup.id, .path = cgroup.path, .often = true});
  }
  std::vector<std::optional<Usage>> usages;
  uint64_t now = 1;
  for (auto _ : state) {
    now += 1'000'000'000;
    static_cast<void>(reader->Read(now, questions, usages));
    benchmark::DoNotOptimize(usages.data());
  }
  state.SetLabel(std::string(reader->name()));
}
BENCHMARK(BM_Usage)->Arg(1)->Arg(0)->Unit(benchmark::kMicrosecond);

// A second of the whole: what is due, read and judged. `share` of the limit is in use everywhere:
// a quarter (each is read every 5 s), or nearly all (every second, and 64 working sets).
void BM_Pass(benchmark::State& state) {
  if (TheNode().watched().empty()) return state.SkipWithError("no memory cgroups to make");
  const auto reader = Open(state.range(0) != 0, state);
  if (reader == nullptr) return;
  const auto used = static_cast<uint64_t>(state.range(1)) * 64 * kMib / 100;
  forecast::WarningLedger ledger;
  forecast::Watchkeeper keeper({}, ledger, /*max_near=*/256);
  forecast::NearFiles near(TheNode().mount());
  std::vector<UsageQuestion> due;
  std::vector<std::optional<Usage>> usages;
  std::vector<NearQuestion> questions;
  std::vector<NearReading> readings;
  uint64_t now = 1'000'000'000'000;
  keeper.SetCgroups(now, TheNode().watched());
  const auto pass = [&] {
    now += 1'000'000'000;
    keeper.Due(now, due);
    static_cast<void>(reader->Read(now, due, usages));
    // The cgroups are empty: only what reading costs is real.
    for (auto& usage : usages) {
      if (usage && usage->limit_bytes) usage->usage_bytes = used;
    }
    keeper.Near(now, usages, questions);
    near.Read(questions, readings);
    keeper.Judge(now, readings, {});
  };
  for (int warm = 0; warm < 60; ++warm) pass();
  for (auto _ : state) pass();
  state.SetLabel(absl::StrFormat("%s, %d%% of each limit in use", reader->name(), state.range(1)));
}
BENCHMARK(BM_Pass)->Args({1, 25})->Args({0, 25})->Args({1, 90})->Args({0, 90})->Unit(
    benchmark::kMicrosecond);

}  // namespace
}  // namespace oomtrail::bench
