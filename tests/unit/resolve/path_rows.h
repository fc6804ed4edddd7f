// Named rows of cgroup paths and what is read from them, shared by the tests of the grammar.
//
// In a row {A} {B} {C} are container ids, {P} {Q} pod uids, {p} {q} the same as the systemd driver
// writes them, {H} a static pod's hash.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "agent/model/cgroup_identity.h"

namespace oomtrail::resolve {

struct Row {
  std::string_view name;
  std::string_view path;
  std::string_view expected;
};

inline void PrintTo(const Row& row, std::ostream* out) { *out << row.path; }

inline constexpr std::pair<std::string_view, std::string_view> kMarks[] = {
    {"{A}", "594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d"},
    {"{B}", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"{C}", "ffffffffffffffffffffffffffffffff00000000000000000000000000000000"},
    {"{P}", "4a163a05-439d-484b-8e53-2968bc15824f"},
    {"{p}", "4a163a05_439d_484b_8e53_2968bc15824f"},
    {"{Q}", "019c1fe8-0d92-4aa0-b61c-4df58bdde71c"},
    {"{q}", "019c1fe8_0d92_4aa0_b61c_4df58bdde71c"},
    {"{H}", "36b6d6be73b1065af369b3985edafa09"},
    // Damaged ids: 63 and 65 digits, a capital, a letter past f.
    {"{short}", "594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4"},
    {"{long}", "594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d0"},
    {"{upper}", "594F6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d"},
    {"{nothex}", "594g6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d"},
};

inline std::string Expand(std::string_view row) {
  std::string text(row);
  for (const auto& [mark, replacement] : kMarks) {
    for (size_t at; (at = text.find(mark)) != std::string::npos;) {
      text.replace(at, mark.size(), replacement);
    }
  }
  return text;
}

// "container id=… pod=… qos=… runtime=… driver=…", absent parts left out.
inline std::string Describe(const model::CgroupIdentity& identity) {
  std::string text(model::Name(identity.level));
  const auto add = [&text](std::string_view key, std::string_view value) {
    text.append(" ").append(key).append("=").append(value);
  };
  if (identity.container_id) add("id", identity.container_id->str());
  if (identity.pod_uid) add("pod", identity.pod_uid->str());
  if (identity.qos) add("qos", model::Name(*identity.qos));
  if (identity.runtime) add("runtime", model::Name(*identity.runtime));
  if (identity.driver) add("driver", model::Name(*identity.driver));
  if (!identity.unit.empty()) add("unit", identity.unit);
  return text;
}

inline std::string RowName(const ::testing::TestParamInfo<Row>& info) {
  return std::string(info.param.name);
}

}  // namespace oomtrail::resolve
