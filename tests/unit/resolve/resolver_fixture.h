// A resolver over a node of plain directories: cgroups with their event files, and processes.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/base/strings.h"
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/resolver.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/resolve/kills.h"

namespace oomtrail::resolve {

class ResolverTest : public ::testing::Test {
 protected:
  // A cgroup (v2) that has counted this; its id is its directory's.
  model::CgroupId Cgroup(const std::string& path, uint64_t oom = 0, uint64_t oom_kill = 0) {
    cgroups_.Write(path.substr(1) + "/memory.events.local",
                   base::StrCat("low 0\nhigh 0\nmax 9\noom ", oom, "\noom_kill ", oom_kill, "\n"));
    struct stat found {};
    ::stat((cgroups_ / path).c_str(), &found);
    return {found.st_ino};
  }
  void Process(uint32_t tid, uint32_t tgid, const std::string& comm, const std::string& cgroup,
               uint64_t start_boot_ns = 0) {
    const std::string directory = std::to_string(tid) + "/";
    proc_.Write(directory + "cgroup", base::StrCat("0::", cgroup, "\n"));
    proc_.Write(directory + "status", base::StrCat("Name:\tx\nTgid:\t", tgid, "\n"));
    proc_.Write(directory + "comm", comm + "\n");
    proc_.Write(directory + "stat",
                base::StrCat(tid, " (x) R 1 2 3 0 -1 4 9 0 0 0 1 2 0 0 20 0 1 0 ",
                             start_boot_ns / 10'000'000, " 4096\n"));
  }

  std::optional<ResolvedKill> Resolve(const KillRecord& record) {
    return resolver_.Resolve(Decoded(record));
  }
  // For a kill that must be one.
  ResolvedKill Resolved(const KillRecord& record) {
    auto resolved = Resolve(record);
    EXPECT_TRUE(resolved) << "taken for no kill";
    return resolved ? *std::move(resolved) : ResolvedKill{};
  }

  const fakes::TempDir cgroups_;
  const fakes::TempDir proc_;
  fakes::FakeClock clock_;
  CgroupIndex index_{{.directory = cgroups_.path(), .version = 2}, clock_};
  Resolver resolver_{index_, proc_.path()};
};

}  // namespace oomtrail::resolve
