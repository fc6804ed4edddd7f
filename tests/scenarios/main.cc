// Makes the kernel kill, in every way it can, and holds what the agent says against what happened.
//
// Runs as root on a host or as the only program of a test guest. Exits 1 on any failure.
#include <cstdio>

#include "tests/scenarios/cgroups.h"
#include "tests/scenarios/features.h"
#include "tests/scenarios/options.h"
#include "tests/scenarios/runner.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "oomtrail-scenarios: %s\n", std::string(status.message()).c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace oomtrail::scenarios;
  const auto options = ParseOptions(argc, argv);
  if (!options) return 2;
  auto features = ReadFeatures();
  if (!features.ok()) return Fail(features.status());
  const auto tree = CgroupTree::Open(options->cgroup_root);
  if (!tree.ok()) return Fail(tree.status());
  features->cgroup_version = tree->version();
  // The node's OOM is for a hog to die in, not for those who watch it.
  if (options->node_oom) {
    if (const auto status = WriteFile("/proc/self/oom_score_adj", "-1000"); !status.ok()) {
      return Fail(status);
    }
  }
  Watch watch;
  auto log = KernelLog::Open(watch);
  if (!log.ok()) return Fail(log.status());
  Report report(*features);
  Runner runner(*options, *features, *std::move(log), watch, report);
  runner.Run();
  if (!options->results.empty()) {
    if (const auto status = report.Write(options->results); !status.ok()) return Fail(status);
  }
  report.PrintTotal();
  return report.failed() == 0 ? 0 : 1;
}
