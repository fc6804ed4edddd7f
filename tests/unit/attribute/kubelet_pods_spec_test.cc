// What the kubelet's list says of a pod's manifest: containers, limits, network, metadata to show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/attribute/kubelet_pods_json.h"
#include "agent/base/strings.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using model::ContainerKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr uint64_t kMiB = 1 << 20;

std::string WithSpec(const std::string& spec, const std::string& metadata = "") {
  return base::StrCat(R"({"items":[{"metadata":{"name":"cart-7d9fbb-x2k4z","namespace":"shop")",
                      metadata, R"(},"spec":)", spec, "}]}");
}

Listing Read(const std::string& json, const ShownMetadata& shown = EverythingShown()) {
  auto listing = ParseKubeletPods(json, shown);
  EXPECT_TRUE(listing.ok()) << listing.status().message();
  if (listing.ok() && listing->pods.size() == 1) return *std::move(listing);
  ADD_FAILURE() << "not one pod";
  return Listing{.pods = {PodEntry()}, .skipped = {}};
}

PodEntry Only(const std::string& json) { return Read(json).pods[0]; }

TEST(KubeletPodsSpec, TellsTheKindsOfContainersApart) {
  const PodEntry pod = Only(
      WithSpec(R"({"initContainers":[{"name":"setup"},{"name":"proxy","restartPolicy":"Always"}],)"
               R"("containers":[{"name":"api","restartPolicy":"Always"}],)"
               R"("ephemeralContainers":[{"name":"debug"}]})"));
  ASSERT_THAT(pod.specs, SizeIs(4));
  EXPECT_EQ(pod.specs[0], (model::ContainerFacts{.name = "setup", .kind = ContainerKind::kInit}));
  EXPECT_EQ(pod.specs[1],
            (model::ContainerFacts{.name = "proxy", .kind = ContainerKind::kSidecar}));
  EXPECT_EQ(pod.specs[2], (model::ContainerFacts{.name = "api", .kind = ContainerKind::kApp}));
  EXPECT_EQ(pod.specs[3],
            (model::ContainerFacts{.name = "debug", .kind = ContainerKind::kEphemeral}));
}

TEST(KubeletPodsSpec, ReadsTheLimitsOfAContainer) {
  const PodEntry pod = Only(
      WithSpec(R"({"containers":[{"resources":{"limits":{"cpu":"2","memory":"512Mi"},)"
               R"("requests":{"memory":"256Mi"}},"name":"api"},{"name":"free","resources":{}}]})"));
  ASSERT_THAT(pod.specs, SizeIs(2));
  EXPECT_EQ(pod.specs[0].memory_limit_bytes, 512 * kMiB);
  EXPECT_EQ(pod.specs[0].memory_request_bytes, 256 * kMiB);
  EXPECT_EQ(pod.specs[1].memory_limit_bytes, std::nullopt) << "not the one before it";
  EXPECT_EQ(pod.specs[1].memory_request_bytes, std::nullopt);
}

TEST(KubeletPodsSpec, ReadsTheLimitsOfThePodAsAWhole) {
  const PodEntry pod =
      Only(WithSpec(R"({"resources":{"limits":{"memory":"1Gi"},"requests":{"memory":"1G"}},)"
                    R"("containers":[{"name":"api","resources":{"limits":{"memory":"1Mi"}}}]})"));
  EXPECT_EQ(pod.facts.memory_limit_bytes, 1024 * kMiB);
  EXPECT_EQ(pod.facts.memory_request_bytes, 1'000'000'000u);
}

TEST(KubeletPodsSpec, ReadsTheHostNetwork) {
  EXPECT_EQ(Only(WithSpec(R"({"hostNetwork":true})")).facts.host_network, true);
  EXPECT_EQ(Only(WithSpec("{}")).facts.host_network, false);
  EXPECT_EQ(Only(R"({"items":[{"metadata":{"name":"a","namespace":"b"}}]})").facts.host_network,
            std::nullopt)
      << "no manifest, no word";
}

TEST(KubeletPodsSpec, ShowsOnlyWhatIsToBeShown) {
  const std::string json = WithSpec(
      "{}", R"(,"labels":{"app":"cart","secret":"s3","pod-template-hash":"7d9fbb"},)"
            R"("annotations":{"shop.example.com/team":"checkout","token":"s3cr3t"},)"
            R"("ownerReferences":[{"kind":"ReplicaSet","name":"cart-7d9fbb","controller":true}])");
  const Listing some = Read(json, {.labels = *KeyList::Parse("pod-labels", {"app"}),
                                   .annotations = *KeyList::Parse("x", {"shop.example.com/*"})});
  EXPECT_THAT(some.pods[0].facts.labels, ElementsAre(Pair("app", "cart")));
  EXPECT_THAT(some.pods[0].facts.annotations,
              ElementsAre(Pair("shop.example.com/team", "checkout")));
  const Listing none = Read(json, {});
  EXPECT_THAT(none.pods[0].facts.labels, IsEmpty());
  EXPECT_THAT(none.pods[0].facts.annotations, IsEmpty());
  EXPECT_EQ(none.pods[0].facts.workload, (model::Workload{"Deployment", "cart", true}))
      << "the hash was read, if not shown";
  EXPECT_TRUE(none.pods[0].metadata_is_current);
}

TEST(KubeletPodsSpec, AStaticPodNeedsNoAnnotationToBeShown) {
  const std::string hash(32, 'c');
  const Listing listing =
      Read(WithSpec("{}", base::StrCat(R"(,"uid":")", UidText('a'),
                                       R"(","annotations":{"kubernetes.io/config.hash":")", hash,
                                       R"(","kubernetes.io/config.mirror":")", hash, R"("})")),
           {});
  EXPECT_EQ(listing.pods[0].cgroup_uid, model::PodUid::Parse(hash));
  EXPECT_EQ(listing.pods[0].facts.uid, UidText('a')) << "of the mirror, as the API shows it";
  EXPECT_THAT(listing.pods[0].facts.annotations, IsEmpty());
}

TEST(KubeletPodsSpec, APodsWishesAreReadThoughNoAnnotationIsShown) {
  const Listing listing = Read(
      WithSpec("{}", R"(,"annotations":{"oomtrail.io/warn":"off","oomtrail.io/x":5,"a":"b"})"), {});
  EXPECT_THAT(listing.pods[0].facts.annotations, IsEmpty());
  EXPECT_THAT(listing.pods[0].wishes, ElementsAre(Pair("warn", "off")));
}

TEST(KubeletPodsSpec, AnnotationsAreBoundedInNumberAndSize) {
  std::string annotations =
      base::StrCat(R"("k":")", std::string(kMaxAnnotationValueBytes + 1, 'v'), R"(")");
  for (int i = 0; i < 50; ++i) base::StrAppend(&annotations, ",\"k", i, R"(":"v")");
  const Listing listing =
      Read(WithSpec("{}", base::StrCat(R"(,"annotations":{)", annotations, "}")));
  EXPECT_THAT(listing.pods[0].facts.annotations, SizeIs(kMaxAnnotations));
  EXPECT_EQ(listing.skipped.labels, 51 - kMaxAnnotations);
}

TEST(KubeletPodsSpec, LabelsThatAreNotShownTakeNoRoomFromThoseThatAre) {
  std::string labels;
  for (int i = 0; i < 200; ++i) base::StrAppend(&labels, "\"a", i, R"(":"v",)");
  const Listing listing =
      Read(WithSpec("{}", base::StrCat(R"(,"labels":{)", labels, R"("z":"v"})")),
           {.labels = *KeyList::Parse("pod-labels", {"z"}), .annotations = {}});
  EXPECT_THAT(listing.pods[0].facts.labels, ElementsAre(Pair("z", "v")));
  EXPECT_EQ(listing.skipped, Skipped());
}

TEST(KubeletPodsSpec, ContainersOfAManifestAreBoundedInNumber) {
  std::string containers = R"({"name":"c"})";
  for (int i = 0; i < 1'500; ++i) containers += R"(,{"name":"c"})";
  const Listing listing = Read(WithSpec(base::StrCat(R"({"containers":[)", containers, "]}")));
  EXPECT_THAT(listing.pods[0].specs, SizeIs(1'000));
  EXPECT_EQ(listing.skipped.over_limit, 501u);
}

// One damage a row: the container behind it is read all the same, and what is damaged is absent.
struct Damage {
  const char* name;
  std::string container;
};
class DamagedSpecTest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedSpecTest, IsAsGoodAsAbsent) {
  const PodEntry pod =
      Only(WithSpec(base::StrCat(R"({"containers":[)", GetParam().container, R"(,{"name":"good",)",
                                 R"("resources":{"limits":{"memory":"64Mi"}}}]})")));
  ASSERT_FALSE(pod.specs.empty());
  EXPECT_EQ(pod.specs.back().name, "good");
  EXPECT_EQ(pod.specs.back().memory_limit_bytes, 64 * kMiB);
  for (size_t i = 0; i + 1 < pod.specs.size(); ++i) {
    EXPECT_EQ(pod.specs[i].name, "api");
    EXPECT_EQ(pod.specs[i].memory_limit_bytes, std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, DamagedSpecTest,
    testing::Values(
        Damage{"no_name", R"({"resources":{"limits":{"memory":"1Mi"}}})"},
        Damage{"name_is_a_number", R"({"name":7,"resources":{"limits":{"memory":"1Mi"}}})"},
        Damage{"name_is_too_long", base::StrCat(R"({"name":")", std::string(254, 'n'), R"("})")},
        Damage{"container_is_text", R"("api")"}, Damage{"container_is_a_list", R"([{"name":"x"}])"},
        Damage{"resources_are_a_list", R"({"name":"api","resources":[{"limits":{}}]})"},
        Damage{"limits_are_text", R"({"name":"api","resources":{"limits":"1Mi"}})"},
        Damage{"memory_is_a_number", R"({"name":"api","resources":{"limits":{"memory":1048576}}})"},
        Damage{"memory_is_no_quantity",
               R"({"name":"api","resources":{"limits":{"memory":"lots"}}})"},
        Damage{"memory_is_negative", R"({"name":"api","resources":{"limits":{"memory":"-1Mi"}}})"},
        Damage{"memory_elsewhere", R"({"name":"api","limits":{"memory":"1Mi"},"memory":"1Mi"})"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(KubeletPodsSpec, ASpecOfAnotherTypeIsAsGoodAsAbsent) {
  for (const char* spec : {"null", "[]", R"("containers")", R"({"containers":{"name":"api"}})",
                           R"({"hostNetwork":"true","resources":[]})"}) {
    const PodEntry pod = Only(WithSpec(spec));
    EXPECT_EQ(pod.facts.name, "cart-7d9fbb-x2k4z") << spec;
    EXPECT_THAT(pod.specs, IsEmpty()) << spec;
    EXPECT_NE(pod.facts.host_network, true) << spec;
    EXPECT_EQ(pod.facts.memory_limit_bytes, std::nullopt) << spec;
  }
}

}  // namespace
}  // namespace oomtrail::attribute
