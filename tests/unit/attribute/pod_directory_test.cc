#include "agent/attribute/pod_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/fakes/fake_clock.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class PodDirectoryTest : public testing::Test {
 protected:
  fakes::FakeClock clock_;
  PodDirectory directory_{clock_, {"cri", "kubelet"}};
};

TEST_F(PodDirectoryTest, IsEmptyAtFirst) {
  EXPECT_FALSE(directory_.Find(Id('1')));
  EXPECT_FALSE(directory_.FindPod(Uid('a')));
  EXPECT_EQ(directory_.Counts().generation, 0u);
}

TEST_F(PodDirectoryTest, FindsWhatASourceLists) {
  EXPECT_EQ(directory_.Update("cri", Of({Pod("cart", 'a', "12")})), 1u);
  const auto found = directory_.Find(Id('2'));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, Id('2'));
  EXPECT_EQ(found->facts.name, "api");
  EXPECT_EQ(found->pod.name, "cart");
  EXPECT_EQ(found->cgroup_uid, Uid('a'));
  EXPECT_FALSE(found->gone);
  EXPECT_THAT(found->sources, ElementsAre("cri"));
  EXPECT_EQ(directory_.Counts().containers, 2u);
  EXPECT_EQ(directory_.Counts().pods, 1u);
}

TEST_F(PodDirectoryTest, FindsAPodBeforeItsContainers) {
  directory_.Update("kubelet", Of({Pod("cart", 'a', "")}));
  const auto pod = directory_.FindPod(Uid('a'));
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->facts.name, "cart");
  EXPECT_THAT(pod->sources, ElementsAre("kubelet"));
}

TEST_F(PodDirectoryTest, TheSecondSourceFillsInWhatTheFirstDoesNotKnow) {
  PodEntry from_cri = Pod("cart", 'a', "1");
  from_cri.facts.workload = model::Workload{"StatefulSet", "cart", true};
  PodEntry from_kubelet = Pod("cart", 'a', "1");
  from_kubelet.facts.qos = model::Qos::kBurstable;
  from_kubelet.facts.workload = model::Workload{"StatefulSet", "cart", false};
  from_kubelet.containers[0].facts = {.name = "renamed", .image = "cart:1", .restart_count = 2};
  // In either order of arrival: rank decides, not time.
  directory_.Update("kubelet", Of({from_kubelet}));
  directory_.Update("cri", Of({from_cri}));
  const auto found = directory_.Find(Id('1'));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->facts,
            (model::ContainerFacts{.name = "api", .image = "cart:1", .restart_count = 2}));
  EXPECT_EQ(found->pod.qos, model::Qos::kBurstable);
  EXPECT_EQ(found->pod.workload, (model::Workload{"StatefulSet", "cart", false}));
  EXPECT_THAT(found->sources, ElementsAre("cri", "kubelet"));
}

TEST_F(PodDirectoryTest, AnImagesNameReplacesItsBareId) {
  PodEntry from_cri = Pod("cart", 'a', "1");
  from_cri.containers[0].facts.image = "sha256:0123";
  PodEntry from_kubelet = Pod("cart", 'a', "1");
  from_kubelet.containers[0].facts.image = "registry/cart:1";
  directory_.Update("cri", Of({from_cri}));
  EXPECT_EQ(directory_.Find(Id('1'))->facts.image, "sha256:0123");
  directory_.Update("kubelet", Of({from_kubelet}));
  EXPECT_EQ(directory_.Find(Id('1'))->facts.image, "registry/cart:1");
  EXPECT_THAT(directory_.Find(Id('1'))->sources, ElementsAre("cri", "kubelet"));
}

TEST_F(PodDirectoryTest, ASourceThatAddsNothingIsNotNamed) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("kubelet", Of({Pod("cart", 'a', "1")}));
  EXPECT_THAT(directory_.Find(Id('1'))->sources, ElementsAre("cri"));
}

TEST_F(PodDirectoryTest, OwnersReachAContainerThatTheirSourceDoesNotListYet) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  PodEntry from_kubelet = Pod("cart", 'a', "");
  from_kubelet.facts.workload = model::Workload{"DaemonSet", "cart", false};
  directory_.Update("kubelet", Of({from_kubelet}));
  const auto found = directory_.Find(Id('1'));
  EXPECT_EQ(found->pod.workload, (model::Workload{"DaemonSet", "cart", false}));
  EXPECT_THAT(found->sources, ElementsAre("cri", "kubelet"));
}

TEST_F(PodDirectoryTest, SourcesThatDisagreeOnThePodAreNotMixed) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  PodEntry liar = Pod("other", 'b', "1");
  liar.facts.qos = model::Qos::kGuaranteed;
  liar.containers[0].facts.image = "other:1";
  directory_.Update("kubelet", Of({liar}));
  const auto found = directory_.Find(Id('1'));
  EXPECT_EQ(found->pod.name, "cart");
  EXPECT_EQ(found->pod.qos, std::nullopt);
  EXPECT_EQ(found->facts.image, "");
}

TEST_F(PodDirectoryTest, AnInferredWorkloadDoesNotReplaceAnother) {
  PodEntry from_cri = Pod("cart", 'a', "1");
  from_cri.facts.workload = model::Workload{"Deployment", "cart", true};
  PodEntry from_kubelet = Pod("cart", 'a', "1");
  from_kubelet.facts.workload = model::Workload{"Deployment", "elsewhere", true};
  directory_.Update("cri", Of({from_cri}));
  directory_.Update("kubelet", Of({from_kubelet}));
  EXPECT_EQ(directory_.Find(Id('1'))->pod.workload->name, "cart");
}

TEST_F(PodDirectoryTest, WhatVanishedIsKnownForTenMinutes) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("cri", Of({}));
  ASSERT_TRUE(directory_.Find(Id('1')));
  EXPECT_TRUE(directory_.Find(Id('1'))->gone);
  EXPECT_TRUE(directory_.FindPod(Uid('a'))->gone);
  EXPECT_EQ(directory_.Counts().containers, 0u);
  EXPECT_EQ(directory_.Counts().gone_containers, 1u);
  EXPECT_THAT(directory_.Listed(), IsEmpty());

  clock_.Advance(minutes(10));
  directory_.Update("cri", Of({}));
  EXPECT_TRUE(directory_.Find(Id('1')));
  clock_.Advance(std::chrono::seconds(1));
  directory_.Update("cri", Of({}));
  EXPECT_FALSE(directory_.Find(Id('1')));
  EXPECT_FALSE(directory_.FindPod(Uid('a')));
}

TEST_F(PodDirectoryTest, WhatOneSourceStillListsIsNotGone) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("kubelet", Of({Pod("cart", 'a', "1")}));
  directory_.Update("kubelet", Of({}));
  EXPECT_FALSE(directory_.Find(Id('1'))->gone);
}

TEST_F(PodDirectoryTest, WhatComesBackIsNoLongerGone) {
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  directory_.Update("cri", Of({}));
  clock_.Advance(minutes(9));
  directory_.Update("cri", Of({Pod("cart", 'a', "1")}));
  clock_.Advance(minutes(9));
  directory_.Update("cri", Of({}));
  ASSERT_TRUE(directory_.Find(Id('1'))) << "the ten minutes began anew";
}

TEST_F(PodDirectoryTest, AnUnknownSourceIsIgnored) {
  EXPECT_EQ(directory_.Update("rumour", Of({Pod("cart", 'a', "1")})), 0u);
  EXPECT_FALSE(directory_.Find(Id('1')));
}

TEST_F(PodDirectoryTest, ListsAllContainersWithTheirNames) {
  directory_.Update("cri", Of({Pod("cart", 'a', "12"), Pod("web", 'b', "3")}));
  EXPECT_THAT(directory_.Listed(), SizeIs(3));
}

TEST_F(PodDirectoryTest, TheLongestGoneMakeRoomFirst) {
  PodDirectory small(clock_, {"cri"}, {.max_containers = 3});
  small.Update("cri", Of({Pod("p", 'a', "1")}));
  small.Update("cri", Of({Pod("p", 'b', "2")}));  // 1 is gone
  clock_.Advance(minutes(1));
  small.Update("cri", Of({Pod("p", 'c', "3")}));  // 2 is gone
  clock_.Advance(minutes(1));
  small.Update("cri", Of({Pod("p", 'd', "4")}));  // 3 is gone, and there is room for three
  EXPECT_FALSE(small.Find(Id('1')));
  EXPECT_TRUE(small.Find(Id('2')));
  EXPECT_TRUE(small.Find(Id('3')));
  EXPECT_TRUE(small.Find(Id('4')));
  EXPECT_GE(small.Counts().evicted, 1u);
}

TEST_F(PodDirectoryTest, WhatDoesNotFitIsRefusedAndCounted) {
  PodDirectory small(clock_, {"cri"}, {.max_containers = 2});
  small.Update("cri", Of({Pod("p", 'a', "1")}));
  small.Update("cri", Of({Pod("p", 'a', "1234")}));
  EXPECT_TRUE(small.Find(Id('1'))) << "who was there first stays";
  EXPECT_EQ(small.Counts().containers, 2u);
  EXPECT_EQ(small.Counts().refused, 2u);
}

TEST_F(PodDirectoryTest, ReadersSeeWholeListingsWhileItIsWritten) {
  directory_.Update("cri", Of({Pod("even", 'a', "12")}));
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const auto listed = directory_.Listed();
      ASSERT_THAT(listed, SizeIs(2));
      EXPECT_EQ(listed[0].pod.name, listed[1].pod.name);
      ASSERT_TRUE(directory_.Find(Id('1')));
    }
  });
  for (int i = 0; i < 200; ++i) {
    directory_.Update("cri", Of({Pod(i % 2 == 0 ? "odd" : "even", 'a', "12")}));
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace oomtrail::attribute
