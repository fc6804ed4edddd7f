#include "agent/model/ids.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/hash/hash_testing.h"

namespace oomtrail::model {
namespace {

constexpr std::string_view kId = "594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d";
constexpr std::string_view kUid = "4a163a05-439d-484b-8e53-2968bc15824f";
constexpr std::string_view kHash = "36b6d6be73b1065af369b3985edafa09";

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// `text` with the byte at `at` replaced by each of the 256 in turn.
template <typename Check>
void ForEachByteAt(std::string_view text, size_t at, Check check) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string changed(text);
    changed[at] = static_cast<char>(byte);
    check(changed, changed[at]);
  }
}

TEST(CgroupIdTest, ZeroIsNotKnown) {
  EXPECT_FALSE(CgroupId{}.known());
  EXPECT_TRUE(CgroupId{1}.known());
  EXPECT_TRUE(CgroupId{~uint64_t{0}}.known());
}

TEST(CgroupIdTest, ComparesByValue) {
  EXPECT_EQ(CgroupId{7}, CgroupId{7});
  EXPECT_LT(CgroupId{7}, CgroupId{uint64_t{1} << 63});
}

TEST(ContainerIdTest, KeepsTheIdAndShowsTwelveDigits) {
  const auto id = ContainerId::Parse(kId);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->str(), kId);
  EXPECT_EQ(id->Short(), "594f6557dc0f");
}

TEST(ContainerIdTest, TakesSixtyFourDigitsOnly) {
  for (size_t length = 0; length <= 130; ++length) {
    EXPECT_EQ(ContainerId::Parse(std::string(length, 'a')).has_value(), length == 64) << length;
  }
}

TEST(ContainerIdTest, TakesLowerHexOnlyAtEveryPlace) {
  for (size_t at = 0; at < kId.size(); ++at) {
    ForEachByteAt(kId, at, [&](const std::string& text, char c) {
      EXPECT_EQ(ContainerId::Parse(text).has_value(), IsLowerHex(c)) << int{c} << " at " << at;
    });
  }
}

TEST(PodUidTest, KeepsAUuid) {
  const auto uid = PodUid::Parse(kUid);
  ASSERT_TRUE(uid);
  EXPECT_EQ(uid->str(), kUid);
  EXPECT_FALSE(uid->is_static_hash());
}

TEST(PodUidTest, UnderscoresMeanDashes) {
  const auto uid = PodUid::Parse("4a163a05_439d_484b_8e53_2968bc15824f");
  ASSERT_TRUE(uid);
  EXPECT_EQ(uid->str(), kUid);
  EXPECT_EQ(uid, PodUid::Parse(kUid));
}

TEST(PodUidTest, KeepsAStaticPodsHash) {
  const auto uid = PodUid::Parse(kHash);
  ASSERT_TRUE(uid);
  EXPECT_EQ(uid->str(), kHash);
  EXPECT_TRUE(uid->is_static_hash());
}

TEST(PodUidTest, RefusesMixedSeparators) {
  constexpr size_t kDashes[] = {8, 13, 18, 23};
  for (unsigned mask = 1; mask < 15; ++mask) {
    std::string text(kUid);
    for (size_t i = 0; i < 4; ++i) {
      if (mask & (1U << i)) text[kDashes[i]] = '_';
    }
    EXPECT_FALSE(PodUid::Parse(text)) << text;
  }
}

TEST(PodUidTest, TakesOneByteOnlyAtEveryPlaceOfAUuid) {
  for (size_t at = 0; at < kUid.size(); ++at) {
    ForEachByteAt(kUid, at, [&](const std::string& text, char c) {
      const bool good = kUid[at] == '-' ? c == '-' : IsLowerHex(c);
      EXPECT_EQ(PodUid::Parse(text).has_value(), good) << text;
    });
  }
}

TEST(PodUidTest, TakesLowerHexOnlyAtEveryPlaceOfAHash) {
  for (size_t at = 0; at < kHash.size(); ++at) {
    ForEachByteAt(kHash, at, [&](const std::string& text, char c) {
      EXPECT_EQ(PodUid::Parse(text).has_value(), IsLowerHex(c)) << text;
    });
  }
}

TEST(PodUidTest, RefusesOtherShapes) {
  for (const std::string_view text : {
           "",
           "4a163a05",
           "4a163a05-439d-484b-8e53-2968bc15824",
           "4a163a05-439d-484b-8e53-2968bc15824f0",
           "4a163a054-39d-484b-8e53-2968bc15824f",
           "4a163a05-439d-484b-8e532968bc15824f--",
           "4A163A05-439D-484B-8E53-2968BC15824F",
           "{4a163a05-439d-484b-8e53-2968bc15824f}",
           " 4a163a05-439d-484b-8e53-2968bc15824f",
           "4a163a05439d484b8e532968bc15824f0000",
           "4a163a05.439d.484b.8e53.2968bc15824f",
           "4a163a050439d0484b08e5302968bc15824f",
           "36b6d6be73b1065af369b3985edafa0",
           "36b6d6be73b1065af369b3985edafa090",
           "36B6D6BE73B1065AF369B3985EDAFA09",
           "36b6d6be-73b1065af369b3985edafa0",
       }) {
    EXPECT_FALSE(PodUid::Parse(text)) << text;
  }
}

TEST(IdsTest, EqualIdsHashEqually) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {CgroupId{}, CgroupId{1}, CgroupId{2}, CgroupId{1}}));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {*ContainerId::Parse(kId), *ContainerId::Parse(std::string(64, '0')),
       *ContainerId::Parse(kId)}));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {*PodUid::Parse(kUid), *PodUid::Parse(kHash),
       *PodUid::Parse("4a163a05_439d_484b_8e53_2968bc15824f")}));
}

}  // namespace
}  // namespace oomtrail::model
