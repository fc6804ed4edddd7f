#include "agent/attribute/cri_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class CriListingTest : public testing::Test {
 protected:
  ::runtime::v1::PodSandbox& AddSandbox(char id, char uid, const std::string& name = "cart") {
    auto& sandbox = *sandboxes_.add_items();
    sandbox.set_id(HexId(id));
    auto& labels = *sandbox.mutable_labels();
    labels["io.kubernetes.pod.name"] = name;
    labels["io.kubernetes.pod.namespace"] = "shop";
    labels["io.kubernetes.pod.uid"] = UidText(uid);
    return sandbox;
  }
  ::runtime::v1::Container& AddContainer(char id, char sandbox, char uid,
                                         const std::string& pod = "cart") {
    auto& container = *containers_.add_containers();
    container.set_id(HexId(id));
    container.set_pod_sandbox_id(HexId(sandbox));
    auto& labels = *container.mutable_labels();
    labels["io.kubernetes.pod.name"] = pod;
    labels["io.kubernetes.pod.namespace"] = "shop";
    labels["io.kubernetes.pod.uid"] = UidText(uid);
    labels["io.kubernetes.container.name"] = "api";
    return container;
  }

  Listing Join() { return JoinCriAnswers(sandboxes_, containers_, model::Runtime::kCrio, shown_); }

  ::runtime::v1::ListPodSandboxResponse sandboxes_;
  ::runtime::v1::ListContainersResponse containers_;
  ShownMetadata shown_ = EverythingShown();
};

TEST_F(CriListingTest, AnEmptyNode) { EXPECT_THAT(Join().pods, IsEmpty()); }

TEST_F(CriListingTest, APodKnowsItsLabelsAndItsSandbox) {
  auto& sandbox = AddSandbox('f', 'a');
  (*sandbox.mutable_labels())["app"] = "cart";
  const Listing listing = Join();
  ASSERT_THAT(listing.pods, SizeIs(1));
  EXPECT_EQ(listing.pods[0].cgroup_uid, Uid('a'));
  EXPECT_THAT(listing.pods[0].facts.labels, UnorderedElementsAre(testing::Pair("app", "cart")))
      << "the kubelet's own labels are not the pod's";
  ASSERT_THAT(listing.pods[0].containers, SizeIs(1));
  EXPECT_TRUE(listing.pods[0].containers[0].sandbox);
  EXPECT_EQ(listing.pods[0].containers[0].facts.name, "");
}

TEST_F(CriListingTest, AContainerTellsItsFacts) {
  auto& container = AddContainer('1', 'f', 'a');
  (*container.mutable_annotations())["io.kubernetes.container.restartCount"] = "7";
  container.mutable_image()->set_image("sha256:0123");
  container.mutable_image()->set_user_specified_image("registry/cart:1");
  const Listing listing = Join();
  ASSERT_THAT(listing.pods, SizeIs(1));
  EXPECT_EQ(listing.pods[0].containers[0].facts,
            (model::ContainerFacts{.name = "api",
                                   .image = "registry/cart:1",
                                   .restart_count = 7,
                                   .runtime = model::Runtime::kCrio}));
}

TEST_F(CriListingTest, ContainersOfOnePodAreTogether) {
  AddSandbox('f', 'a');
  AddContainer('1', 'f', 'a');
  AddContainer('2', 'f', 'a');
  AddSandbox('e', 'b', "web");
  AddContainer('3', 'e', 'b', "web");
  const Listing listing = Join();
  ASSERT_THAT(listing.pods, SizeIs(2));
  EXPECT_THAT(listing.pods[0].containers, SizeIs(3));
  EXPECT_THAT(listing.pods[1].containers, SizeIs(2));
}

TEST_F(CriListingTest, APodMadeAnewUnderItsNameIsAnotherPod) {
  AddContainer('1', 'f', 'a', "db-0");
  AddContainer('2', 'e', 'b', "db-0");
  EXPECT_THAT(Join().pods, SizeIs(2));
}

TEST_F(CriListingTest, TheLastSandboxHasThePodsLabels) {
  auto& first = AddSandbox('e', 'a');
  (*first.mutable_labels())["version"] = "old";
  auto& second = AddSandbox('f', 'a');
  second.mutable_metadata()->set_attempt(1);
  (*second.mutable_labels())["version"] = "new";
  for (int order = 0; order < 2; ++order) {
    const Listing listing = Join();
    ASSERT_THAT(listing.pods, SizeIs(1));
    EXPECT_EQ(listing.pods[0].facts.labels.at("version"), "new");
    sandboxes_.mutable_items()->SwapElements(0, 1);
  }
}

TEST_F(CriListingTest, TheWorkloadIsInferredFromLabels) {
  auto& sandbox = AddSandbox('f', 'a', "cart-7d9fbb-x2k4z");
  (*sandbox.mutable_labels())["pod-template-hash"] = "7d9fbb";
  EXPECT_EQ(Join().pods[0].facts.workload, (model::Workload{"Deployment", "cart", true}));
}

TEST_F(CriListingTest, OnlyWhatIsToBeShownIsKept) {
  shown_.labels = *KeyList::Parse("pod-labels", {"app"});
  shown_.annotations = *KeyList::Parse("pod-annotations", {"shop.example.com/*"});
  auto& sandbox = AddSandbox('f', 'a', "cart-7d9fbb-x2k4z");
  auto& labels = *sandbox.mutable_labels();
  labels["app"] = "cart";
  labels["secret"] = "s3";
  labels["pod-template-hash"] = "7d9fbb";
  auto& annotations = *sandbox.mutable_annotations();
  annotations["shop.example.com/team"] = "checkout";
  annotations["token"] = "s3cr3t";
  const model::PodFacts pod = Join().pods.at(0).facts;
  EXPECT_THAT(pod.labels, UnorderedElementsAre(testing::Pair("app", "cart")));
  EXPECT_THAT(pod.annotations,
              UnorderedElementsAre(testing::Pair("shop.example.com/team", "checkout")));
  EXPECT_EQ(pod.workload, (model::Workload{"Deployment", "cart", true})) << "the hash was read";
}

TEST_F(CriListingTest, APodsWishesAreReadThoughNoAnnotationIsShown) {
  shown_.annotations = {};
  auto& sandbox = AddSandbox('f', 'a');
  (*sandbox.mutable_annotations())["oomtrail.io/warn-seconds"] = "300";
  (*sandbox.mutable_annotations())["token"] = "s3cr3t";
  const Listing listing = Join();
  EXPECT_THAT(listing.pods[0].facts.annotations, IsEmpty());
  EXPECT_THAT(listing.pods[0].wishes, UnorderedElementsAre(testing::Pair("warn-seconds", "300")));
}

TEST_F(CriListingTest, AnAnnotationThatIsADocumentIsLeftOutAndCounted) {
  auto& sandbox = AddSandbox('f', 'a');
  (*sandbox.mutable_annotations())["note"] = std::string(kMaxAnnotationValueBytes, 'x');
  (*sandbox.mutable_annotations())["document"] = std::string(kMaxAnnotationValueBytes + 1, 'x');
  const Listing listing = Join();
  EXPECT_THAT(listing.pods[0].facts.annotations, SizeIs(1));
  EXPECT_EQ(listing.skipped.labels, 1u);
}

TEST_F(CriListingTest, AStaticPodIsKnownByTheHashInItsPath) {
  const std::string hash(32, 'c');
  auto& container = AddContainer('1', 'f', 'a');
  (*container.mutable_labels())["io.kubernetes.pod.uid"] = hash;
  const Listing listing = Join();
  EXPECT_EQ(listing.pods[0].cgroup_uid, model::PodUid::Parse(hash));
  EXPECT_EQ(listing.pods[0].facts.uid, "");
}

TEST_F(CriListingTest, AContainerWithoutLabelsBelongsToItsSandboxsPod) {
  AddSandbox('f', 'a');
  auto& container = AddContainer('1', 'f', 'a');
  container.clear_labels();
  container.mutable_metadata()->set_name("api");
  const Listing listing = Join();
  ASSERT_THAT(listing.pods, SizeIs(1));
  ASSERT_THAT(listing.pods[0].containers, SizeIs(2));
  EXPECT_EQ(listing.pods[0].containers[1].facts.name, "api");
}

TEST_F(CriListingTest, ASandboxWithoutLabelsIsNamedByItsMetadata) {
  auto& sandbox = AddSandbox('f', 'a');
  sandbox.clear_labels();
  sandbox.mutable_metadata()->set_name("cart");
  sandbox.mutable_metadata()->set_namespace_("shop");
  sandbox.mutable_metadata()->set_uid(UidText('a'));
  EXPECT_EQ(Join().pods[0].cgroup_uid, Uid('a'));
}

// One damage a test, and the good entry beside it is kept.
class DamagedCriListingTest : public CriListingTest {
 protected:
  DamagedCriListingTest() { AddContainer('9', 'f', 'a', "good"); }

  void ExpectOnlyTheGoodOne(const Listing& listing) {
    ASSERT_THAT(listing.pods, SizeIs(1));
    EXPECT_EQ(listing.pods[0].facts.name, "good");
    EXPECT_THAT(listing.pods[0].containers, SizeIs(1));
  }
};

TEST_F(DamagedCriListingTest, AContainerOfNobody) {
  AddContainer('1', 'f', 'a').clear_labels();
  const Listing listing = Join();
  ExpectOnlyTheGoodOne(listing);
  EXPECT_EQ(listing.skipped.no_pod, 1u);
}

TEST_F(DamagedCriListingTest, AnIdThatIsNotOne) {
  for (const std::string& id :
       {std::string(), HexId('1').substr(1), HexId('G'), std::string("../../etc/passwd")}) {
    containers_.mutable_containers()->erase(containers_.mutable_containers()->begin() + 1,
                                            containers_.mutable_containers()->end());
    AddContainer('1', 'f', 'a', "good").set_id(id);
    const Listing listing = Join();
    ExpectOnlyTheGoodOne(listing);
    EXPECT_EQ(listing.skipped.bad_id, 1u) << id;
  }
}

TEST_F(DamagedCriListingTest, APodsNameThatIsTooLong) {
  AddContainer('1', 'f', 'b', std::string(254, 'x'));
  const Listing listing = Join();
  ExpectOnlyTheGoodOne(listing);
  EXPECT_EQ(listing.skipped.too_long, 1u);
}

TEST_F(DamagedCriListingTest, AContainersNameThatIsTooLong) {
  auto& container = AddContainer('1', 'f', 'a', "good");
  (*container.mutable_labels())["io.kubernetes.container.name"] = std::string(254, 'x');
  const Listing listing = Join();
  ExpectOnlyTheGoodOne(listing);
  EXPECT_EQ(listing.skipped.too_long, 1u);
}

TEST_F(DamagedCriListingTest, ARestartCountThatIsNoNumber) {
  auto& container = AddContainer('1', 'f', 'a', "good");
  (*container.mutable_annotations())["io.kubernetes.container.restartCount"] = "-1";
  EXPECT_EQ(Join().pods[0].containers[1].facts.restart_count, std::nullopt);
}

TEST_F(DamagedCriListingTest, AnImageThatIsTooLong) {
  auto& container = AddContainer('1', 'f', 'a', "good");
  container.mutable_image()->set_image(std::string(2000, 'i'));
  EXPECT_EQ(Join().pods[0].containers[1].facts.image, "");
}

TEST_F(DamagedCriListingTest, AUidThatIsNone) {
  auto& container = AddContainer('1', 'f', 'b', "odd");
  (*container.mutable_labels())["io.kubernetes.pod.uid"] = "../..";
  const Listing listing = Join();
  ASSERT_THAT(listing.pods, SizeIs(2));
  EXPECT_EQ(listing.pods[1].cgroup_uid, std::nullopt);
}

TEST_F(DamagedCriListingTest, TooManyLabels) {
  auto& sandbox = AddSandbox('e', 'b', "labelled");
  for (int i = 0; i < 200; ++i) (*sandbox.mutable_labels())["k" + std::to_string(i)] = "v";
  const Listing listing = Join();
  EXPECT_THAT(listing.pods[0].facts.labels, SizeIs(kMaxLabels));
  EXPECT_EQ(listing.skipped.labels, 200 - kMaxLabels);
}

TEST_F(DamagedCriListingTest, TooManyContainers) {
  for (size_t i = 0; i < kMaxContainers + 10; ++i) {
    char id[65];
    std::snprintf(id, sizeof id, "%064zx", i);
    AddContainer('1', 'f', 'a', "good").set_id(id);
  }
  const Listing listing = Join();
  EXPECT_THAT(listing.pods[0].containers, SizeIs(kMaxContainers));
  EXPECT_EQ(listing.skipped.over_limit, 11u);
}

TEST(RuntimeFromName, KnowsTheUsualOnes) {
  EXPECT_EQ(RuntimeFromName("containerd"), model::Runtime::kContainerd);
  EXPECT_EQ(RuntimeFromName("cri-o"), model::Runtime::kCrio);
  EXPECT_EQ(RuntimeFromName("docker"), model::Runtime::kDocker);
  EXPECT_EQ(RuntimeFromName("something new"), std::nullopt);
}

}  // namespace
}  // namespace oomtrail::attribute
