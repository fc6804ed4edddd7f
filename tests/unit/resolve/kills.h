// Kills as the resolver gets them, built as records of the kernel and decoded.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/base/strings.h"
#include "agent/decode/record_decoder.h"
#include "tests/fixtures/kernel_records.h"

namespace oomtrail::resolve {

using fixtures::KillRecord;
using fixtures::kMib;

inline constexpr std::string_view kContainerA =
    "cri-containerd-594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d.scope";
inline constexpr std::string_view kContainerB =
    "cri-containerd-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";
inline constexpr std::string_view kPodName =
    "kubepods-burstable-pod4a163a05_439d_484b_8e53_2968bc15824f.slice";
inline const std::string kQosPath = "/kubepods.slice/kubepods-burstable.slice";
inline const std::string kPodPath = base::StrCat(kQosPath, "/", kPodName);
inline const std::string kPathA = base::StrCat(kPodPath, "/", kContainerA);
inline const std::string kPathB = base::StrCat(kPodPath, "/", kContainerB);

inline model::Kill Decoded(const KillRecord& record) {
  auto decoded = decode::DecodeRecord(record.Bytes());
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  return decoded.ok() ? std::get<model::Kill>(*std::move(decoded)) : model::Kill{};
}

// The id that InCgroup gives the cgroup of this path: cgroups of one depth share it, unless `salt`
// tells them apart.
inline uint64_t IdOf(std::string_view path, uint64_t salt = 0) {
  if (path == "/") return fixtures::kRootId;
  return 100 + static_cast<uint64_t>(std::count(path.begin(), path.end(), '/')) + 1000 * salt;
}

// The chain of a victim in `path`, without limits. `change(record, path)` follows each level.
template <typename Change>
KillRecord InCgroup(KillRecord record, const std::string& path, Change change) {
  for (std::string at = path; !at.empty(); at.resize(at.rfind('/'))) {
    record.Level(IdOf(at), std::string_view(at).substr(at.rfind('/') + 1));
    change(record, at);
  }
  return record.Root();
}

inline KillRecord InCgroup(const KillRecord& record, const std::string& path) {
  return InCgroup(record, path, [](KillRecord&, const std::string&) {});
}

}  // namespace oomtrail::resolve
