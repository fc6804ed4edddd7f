// What the sources say of a container beyond its names, and when all of them have spoken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/attribute/pod_directory.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using model::ContainerKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// As the kubelet tells of it: with what its manifest says of a container "api".
PodEntry ManifestOf(const std::string& name, char uid) {
  PodEntry pod = Pod(name, uid, "");
  pod.specs = {{.name = "setup", .kind = ContainerKind::kInit},
               {.name = "api",
                .kind = ContainerKind::kSidecar,
                .memory_limit_bytes = 512,
                .memory_request_bytes = 256}};
  pod.metadata_is_current = true;
  return pod;
}

class PodDirectoryDetailsTest : public testing::Test {
 protected:
  fakes::FakeClock clock_;
  PodDirectory directory_{clock_, {"cri", "kubelet"}};
};

TEST_F(PodDirectoryDetailsTest, TheManifestReachesAContainerByItsName) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("kubelet", Of({ManifestOf("cart", 'a')}));
  const auto found = directory_.Find(Id('1'));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->facts.kind, ContainerKind::kSidecar);
  EXPECT_EQ(found->facts.memory_limit_bytes, 512u);
  EXPECT_EQ(found->facts.memory_request_bytes, 256u);
  EXPECT_THAT(found->sources, ElementsAre("cri", "kubelet"));
}

TEST_F(PodDirectoryDetailsTest, WishesAreThoseOfThePodAsItIsNow) {
  PodEntry as_made = Pod("cart", 'a', "1");
  as_made.wishes = {{"warn", "off"}};
  directory_.Update("cri", Of({as_made}));
  EXPECT_THAT(directory_.Find(Id('1'))->wishes, ElementsAre(Pair("warn", "off")));
  PodEntry now = ManifestOf("cart", 'a');
  now.wishes = {{"warn-seconds", "300"}};
  directory_.Update("kubelet", Of({now}));
  EXPECT_THAT(directory_.Find(Id('1'))->wishes, ElementsAre(Pair("warn-seconds", "300")));
  now.wishes.clear();
  directory_.Update("kubelet", Of({now}));
  EXPECT_THAT(directory_.Find(Id('1'))->wishes, IsEmpty()) << "it has taken them back";
}

TEST_F(PodDirectoryDetailsTest, AContainerThatTheManifestDoesNotNameGetsNothingOfIt) {
  PodEntry other = Pod("cart", 'a', "1");
  other.containers[0].facts.name = "api-2";
  directory_.Update("cri", Of({other}));
  directory_.Update("kubelet", Of({ManifestOf("cart", 'a')}));
  EXPECT_EQ(directory_.Find(Id('1'))->facts.kind, std::nullopt);
}

TEST_F(PodDirectoryDetailsTest, TheSandboxGetsNothingOfTheManifest) {
  PodEntry pod = Pod("cart", 'a', "1");
  pod.containers[0] = {.id = Id('1'), .facts = {}, .sandbox = true};
  directory_.Update("cri", Of({pod}));
  PodEntry manifest = ManifestOf("cart", 'a');
  manifest.specs[1].name.clear();
  directory_.Update("kubelet", Of({manifest}));
  EXPECT_EQ(directory_.Find(Id('1'))->facts, model::ContainerFacts());
}

TEST_F(PodDirectoryDetailsTest, AnotherPodsManifestIsNotMixedIn) {
  PodEntry from_cri = Pod("cart", 'a', "1");
  directory_.Update("cri", Of({from_cri}));
  PodEntry liar = ManifestOf("other", 'a');
  liar.facts.labels = {{"app", "other"}};
  directory_.Update("kubelet", Of({liar}));
  const auto found = directory_.Find(Id('1'));
  EXPECT_EQ(found->pod.name, "cart");
  EXPECT_THAT(found->pod.labels, IsEmpty());
  EXPECT_EQ(found->facts.memory_limit_bytes, std::nullopt);
}

TEST_F(PodDirectoryDetailsTest, LabelsAreThoseOfNowAndNotOfWhenThePodWasMade) {
  PodEntry as_made = Pod("cart", 'a', "1");
  as_made.facts.labels = {{"app", "cart"}, {"track", "canary"}};
  as_made.facts.annotations = {{"note", "old"}};
  PodEntry now = ManifestOf("cart", 'a');
  now.facts.labels = {{"app", "cart"}};
  directory_.Update("cri", Of({as_made}));
  EXPECT_EQ(directory_.Find(Id('1'))->pod.labels.count("track"), 1u);
  directory_.Update("kubelet", Of({now}));
  const auto found = directory_.Find(Id('1'));
  EXPECT_THAT(found->pod.labels, ElementsAre(Pair("app", "cart")));
  EXPECT_THAT(found->pod.annotations, IsEmpty());
  EXPECT_THAT(directory_.FindPod(Uid('a'))->facts.labels, ElementsAre(Pair("app", "cart")));
}

TEST_F(PodDirectoryDetailsTest, IsCompleteOnceEverySourceHasToldOfThePod) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  EXPECT_FALSE(directory_.Find(Id('1'))->complete) << "the kubelet has not spoken";
  directory_.Update("kubelet", Of({Pod("other", 'b', "")}));
  EXPECT_FALSE(directory_.Find(Id('1'))->complete) << "it does not know this pod yet";
  directory_.Update("kubelet", Of({Pod("cart", 'a', "")}));
  EXPECT_TRUE(directory_.Find(Id('1'))->complete);
}

TEST_F(PodDirectoryDetailsTest, ASourceThatIsSilentIsNotWaitedFor) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.NoteSilent("kubelet");
  EXPECT_TRUE(directory_.Find(Id('1'))->complete);
  EXPECT_TRUE(directory_.Listed().at(0).complete);
  directory_.Update("kubelet", Of({}));
  EXPECT_FALSE(directory_.Find(Id('1'))->complete) << "it speaks again";
}

TEST_F(PodDirectoryDetailsTest, ASourceOfAnotherNameIsNone) {
  directory_.NoteSilent("gossip");
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  EXPECT_FALSE(directory_.Find(Id('1'))->complete);
}

}  // namespace
}  // namespace oomtrail::attribute
