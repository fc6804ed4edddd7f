// A node's worth of containers: a memory cgroup each, in Kubernetes' form, and a CRI server that
// knows their names. All of it below one directory of our own; gone when destroyed.
//
// Owned and called by one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/fakes/fake_cri_server.h"
#include "tests/scenarios/cgroups.h"

namespace oomtrail::bench {

class Crowd {
 public:
  static constexpr uint64_t kLimitBytes = 4 << 20;

  // Also removes what a crowd whose harness was killed has left behind.
  static absl::StatusOr<std::unique_ptr<Crowd>> Make(const std::string& cgroup_root, size_t size);

  size_t size() const { return containers_.size(); }
  const std::string& DirectoryOf(size_t container) const {
    return containers_[container].directory;
  }
  std::string cri_endpoint() const { return "unix://" + cri_.socket_path(); }

 private:
  explicit Crowd(scenarios::CgroupTree tree) : tree_(std::move(tree)) {}
  absl::Status Add(const std::string& top, size_t i);
  void Announce(const std::string& uid, const std::string& id, size_t i);

  scenarios::CgroupTree tree_;
  fakes::FakeCriServer cri_;
  std::vector<scenarios::Cgroup> containers_;
};

}  // namespace oomtrail::bench
