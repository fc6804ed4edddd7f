// Random paths, made of the components the families use and then damaged: whatever they say, the
// rules of path_invariants.h hold. Seeded, so that a failure comes again.
#include <gtest/gtest.h>

#include <cctype>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "agent/resolve/path_grammar.h"
#include "tests/unit/resolve/path_invariants.h"
#include "tests/unit/resolve/path_rows.h"

namespace oomtrail::resolve {
namespace {

constexpr std::string_view kComponents[] = {
    "kubepods",
    "burstable",
    "besteffort",
    "pod{P}",
    "pod{Q}",
    "pod{H}",
    "{A}",
    "{B}",
    "{C}",
    "crio-{A}",
    "crio-conmon-{B}",
    "libpod-{C}",
    "libpod-payload-{A}",
    "libpod_parent",
    "kubepods.slice",
    "kubepods-burstable.slice",
    "kubepods-besteffort.slice",
    "kubepods-pod{p}.slice",
    "kubepods-burstable-pod{q}.slice",
    "kubelet-kubepods-besteffort-pod{H}.slice",
    "foo-bar-kubepods.slice",
    "cri-containerd-{A}.scope",
    "crio-{B}.scope",
    "crio-conmon-{A}.scope",
    "docker-{C}.scope",
    "docker-{A}.mount",
    "libpod-{B}.scope",
    "nerdctl-{C}.scope",
    "kubepods-burstable-pod{p}.slice:cri-containerd:{B}",
    "system.slice:docker:{A}",
    ":nerdctl:{C}",
    "docker",
    "k8s.io",
    "default",
    "ecs",
    "actions_job",
    "kubelet",
    "container",
    "init.scope",
    "system.slice",
    "containerd.service",
    "user@1000.service",
    "..",
    ".",
    "",
};

// Names of host units, none of which may ever read as a container.
constexpr std::string_view kHostUnits[] = {
    "ssh.service",
    "foo-{A}.service",
    "docker-{A}.mount",
    "session-3.scope",
    "user-{B}.scope",
    "crio-conmon-{A}.scope",
    "{C}.scope",
    "libpod-conmon-{B}.scope",
    "run-k8s.io-{A}-rootfs.mount",
    "docker-{A}.service",
    "machine-libpod_pod_{C}.slice",
};

class PathGrammarPropertyTest : public ::testing::Test {
 protected:
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  template <typename Choices>
  std::string Pick(const Choices& choices) {
    return Expand(choices[Below(std::size(choices))]);
  }

  std::string RandomPath() {
    std::string path;
    for (size_t left = Below(9); left > 0; --left) path += "/" + Pick(kComponents);
    return path;
  }

  void Damage(std::string& path) {
    if (path.empty()) return;
    const size_t at = Below(path.size());
    switch (Below(7)) {
      case 0: path.resize(at); break;
      case 1: path.erase(at, 1); break;
      case 2: path.erase(0, at); break;
      case 3: path[at] = static_cast<char>(Below(256)); break;
      case 4:
        path[at] = static_cast<char>(std::toupper(static_cast<unsigned char>(path[at])));
        break;
      case 5: path.insert(at, path.substr(at, 1 + Below(80))); break;
      case 6: path = path.substr(0, at) + RandomPath(); break;
    }
  }

  std::mt19937 random_{20261121};
};

TEST_F(PathGrammarPropertyTest, RulesHoldForPathsOfKnownComponents) {
  for (int i = 0; i < 100'000; ++i) {
    const std::string path = RandomPath();
    ASSERT_EQ(BrokenRule(path), "") << "path " << path;
  }
}

TEST_F(PathGrammarPropertyTest, RulesHoldForDamagedPaths) {
  for (int i = 0; i < 100'000; ++i) {
    std::string path = RandomPath();
    for (size_t left = 1 + Below(4); left > 0; --left) Damage(path);
    ASSERT_EQ(BrokenRule(path), "") << "path " << ::testing::PrintToString(path);
  }
}

TEST_F(PathGrammarPropertyTest, RulesHoldForRepeatedPathsUpToTheLimit) {
  for (int i = 0; i < 500; ++i) {
    const std::string part = RandomPath();
    std::string path;
    while (!part.empty() && path.size() + part.size() <= kMaxPathBytes + 200) path += part;
    ASSERT_EQ(BrokenRule(path), "") << "path " << path;
  }
}

TEST_F(PathGrammarPropertyTest, RulesHoldForNoise) {
  for (int i = 0; i < 20'000; ++i) {
    std::string path(Below(300), '/');
    for (char& c : path) {
      if (Below(8) != 0) c = static_cast<char>(Below(256));
    }
    ASSERT_EQ(BrokenRule(path), "") << "path " << ::testing::PrintToString(path);
  }
}

TEST_F(PathGrammarPropertyTest, HostUnitsAreNeverContainers) {
  for (int i = 0; i < 20'000; ++i) {
    std::string path = Below(2) == 0 ? "/system.slice" : "/user.slice/user-1000.slice";
    std::string unit;
    for (size_t left = 1 + Below(3); left > 0; --left) path += "/" + (unit = Pick(kHostUnits));
    if (Below(2) == 0) path += "/" + Expand("{A}");
    const model::CgroupIdentity identity = ParseCgroupPath(path);
    ASSERT_EQ(identity.level, model::Level::kHost) << "path " << path;
    ASSERT_EQ(identity.unit, unit) << "path " << path;
  }
}

TEST_F(PathGrammarPropertyTest, OneDamagedDigitIsNeverAnotherContainer) {
  const std::string whole = Expand("/kubepods/burstable/pod{P}/{A}");
  const model::CgroupIdentity pod = ParseCgroupPath(Expand("/kubepods/burstable/pod{P}"));
  for (size_t at = whole.size() - 64; at < whole.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string path = whole;
      path[at] = static_cast<char>(byte);
      const model::CgroupIdentity identity = ParseCgroupPath(path);
      if (IsLowerHex(path.substr(at, 1))) {
        EXPECT_EQ(identity.container_id->str(), path.substr(whole.size() - 64));
      } else if (byte == '\0' || byte == '\n') {
        EXPECT_EQ(identity, model::CgroupIdentity{});
      } else {
        EXPECT_EQ(identity, pod) << "byte " << byte << " at " << at;
      }
    }
  }
}

}  // namespace
}  // namespace oomtrail::resolve
