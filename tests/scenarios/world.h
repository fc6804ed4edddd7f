// What a scenario is made with: cgroups named like a node's, processes in them, the kernel's log.
//
// One for each scenario, made and used by the runner's thread; at its end processes and cgroups are
// gone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/scenarios/cgroups.h"
#include "tests/scenarios/children.h"
#include "tests/scenarios/expectation.h"
#include "tests/scenarios/features.h"
#include "tests/scenarios/kernel_log.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::scenarios {

inline constexpr uint64_t kMiB = 1 << 20;

// How a pod's cgroups are named.
enum class Driver { kCgroupfs, kSystemd };

struct PodPlan {
  Driver driver = Driver::kCgroupfs;
  std::string qos = "burstable";
};

class World {
 public:
  // `number` tells this scenario's pods from others'; `storm` is how many kills make one.
  World(CgroupTree& tree, Watch& watch, const KernelLog& log, uint32_t number, int storm)
      : tree_(tree),
        watch_(watch),
        log_(log),
        number_(number),
        storm_(storm),
        children_(watch, tree) {}

  CgroupTree& tree() { return tree_; }
  Watch& watch() { return watch_; }
  Children& children() { return children_; }
  const KernelLog& log() const { return log_; }
  int storm() const { return storm_; }

  // A pod of its own; its containers lie below it.
  absl::StatusOr<Place> MakePod(const PodPlan& plan = {});
  absl::StatusOr<Place> MakeContainer(const Place& pod);
  // A container of a pod of its own, limited.
  absl::StatusOr<Place> MakeLimited(uint64_t bytes, const PodPlan& plan = {});
  absl::StatusOr<Place> MakeUnit(const std::string& unit);
  absl::StatusOr<Cgroup> Above(const Place& place, int levels);

  // A process, in the place, told to go.
  absl::StatusOr<Child*> Run(const Place& place, Plan plan);
  // A process that does nothing and must be neither killed nor reported.
  absl::Status RunNeighbour(const Place& place);

  // DEADLINE_EXCEEDED or INTERNAL where it ends otherwise or not at all.
  absl::Status AwaitKilled(const Child& child);
  absl::Status AwaitWord(const Child& child, size_t count = 1);
  absl::Status Await(const std::string& what, const std::function<bool()>& done);

  // The expectation that most scenarios share: a child that outgrew `owner`.
  ExpectedKill Expect(const Child& child, const Place& place, const Cgroup& owner, uint64_t limit);

  // Neighbours that did not survive, and the like.
  absl::Status CheckNeighbours() const;

 private:
  std::string Uuid();
  std::string ContainerId();

  CgroupTree& tree_;
  Watch& watch_;
  const KernelLog& log_;
  const uint32_t number_;
  const int storm_;
  uint32_t made_ = 0;
  Children children_;
  std::vector<const Child*> neighbours_;
};

}  // namespace oomtrail::scenarios
