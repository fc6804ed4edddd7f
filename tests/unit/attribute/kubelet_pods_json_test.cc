#include "agent/attribute/kubelet_pods_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/strings.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

absl::StatusOr<Listing> Parse(const std::string& json) {
  return ParseKubeletPods(json, EverythingShown());
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// One pod list with one pod of these members in metadata (behind name and namespace) and status.
std::string OnePod(const std::string& metadata, const std::string& status) {
  return base::StrCat(R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":)",
                      R"({"name":"cart-7d9fbb-x2k4z","namespace":"shop")", metadata,
                      R"(},"spec":{"containers":[{"name":"api"}]},"status":{)", status, "}}]}");
}

PodEntry Only(const std::string& json) {
  const auto listing = Parse(json);
  EXPECT_TRUE(listing.ok()) << listing.status().message();
  if (!listing.ok() || listing->pods.size() != 1) {
    ADD_FAILURE() << "not one pod";
    return PodEntry();
  }
  return listing->pods.front();
}

TEST(KubeletPodsJson, ReadsARunningPod) {
  const PodEntry pod = Only(
      OnePod(base::StrCat(R"(,"uid":")", UidText('a'),
                          R"(","labels":{"app":"cart","pod-template-hash":"7d9fbb"},)",
                          R"("ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet",)",
                          R"("name":"cart-7d9fbb","uid":"u","controller":true}])"),
             base::StrCat(
                 R"("phase":"Running","qosClass":"Burstable","containerStatuses":[{"name":"api",)",
                 R"("state":{"running":{"startedAt":"2026-11-21T05:41:07Z"}},"lastState":{},)",
                 R"("ready":true,"restartCount":3,"image":"registry/cart:1","imageID":"x",)",
                 R"("containerID":"containerd://)", HexId('1'), R"(","started":true}])")));
  EXPECT_EQ(pod.facts.name, "cart-7d9fbb-x2k4z");
  EXPECT_EQ(pod.facts.ns, "shop");
  EXPECT_EQ(pod.facts.uid, UidText('a'));
  EXPECT_EQ(pod.cgroup_uid, Uid('a'));
  EXPECT_EQ(pod.facts.qos, model::Qos::kBurstable);
  EXPECT_EQ(pod.facts.labels.at("app"), "cart");
  EXPECT_EQ(pod.facts.workload, (model::Workload{"Deployment", "cart", true}));
  ASSERT_THAT(pod.containers, SizeIs(1));
  EXPECT_EQ(pod.containers[0].id, Id('1'));
  EXPECT_EQ(pod.containers[0].facts,
            (model::ContainerFacts{.name = "api",
                                   .image = "registry/cart:1",
                                   .restart_count = 3,
                                   .runtime = model::Runtime::kContainerd}));
}

TEST(KubeletPodsJson, TheOrderOfMembersDoesNotMatter) {
  const PodEntry pod = Only(
      base::StrCat(R"({"items":[{"status":{"containerStatuses":[{"containerID":"cri-o://)",
                   HexId('1'), R"(","name":"api"}],"qosClass":"Guaranteed"},"metadata":{"uid":")",
                   UidText('a'), R"(","namespace":"shop","name":"cart"}}]})"));
  EXPECT_EQ(pod.facts.name, "cart");
  EXPECT_EQ(pod.facts.qos, model::Qos::kGuaranteed);
  ASSERT_THAT(pod.containers, SizeIs(1));
  EXPECT_EQ(pod.containers[0].facts.runtime, model::Runtime::kCrio);
}

TEST(KubeletPodsJson, NamesThePreviousContainerOfACrashLoop) {
  const PodEntry pod = Only(OnePod(
      "", base::StrCat(R"("containerStatuses":[{"name":"api","restartCount":4,"image":"cart:2",)",
                       R"("containerID":"containerd://)", HexId('2'),
                       R"(","lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled",)",
                       R"("containerID":"containerd://)", HexId('1'), R"("}}}])")));
  ASSERT_THAT(pod.containers, SizeIs(2));
  EXPECT_EQ(pod.containers[1].id, Id('1'));
  EXPECT_EQ(pod.containers[1].facts.name, "api");
  EXPECT_EQ(pod.containers[1].facts.restart_count, 3u);
  EXPECT_EQ(pod.containers[1].facts.image, "") << "the image may have been changed in between";
}

TEST(KubeletPodsJson, NamesAContainerThatOnlyItsEndStillShows) {
  const PodEntry pod =
      Only(OnePod("", base::StrCat(R"("containerStatuses":[{"name":"api","state":{"terminated":{)",
                                   R"("containerID":"containerd://)", HexId('1'), R"("}}}])")));
  ASSERT_THAT(pod.containers, SizeIs(1));
  EXPECT_EQ(pod.containers[0].id, Id('1'));
}

TEST(KubeletPodsJson, ReadsInitAndEphemeralContainers) {
  const PodEntry pod = Only(OnePod(
      "", base::StrCat(R"("initContainerStatuses":[{"name":"setup","containerID":"docker://)",
                       HexId('1'), R"("}],"ephemeralContainerStatuses":[{"name":"debug",)",
                       R"("containerID":"docker://)", HexId('2'), R"("}])")));
  ASSERT_THAT(pod.containers, SizeIs(2));
  EXPECT_EQ(pod.containers[0].facts.name, "setup");
  EXPECT_EQ(pod.containers[1].facts.name, "debug");
}

TEST(KubeletPodsJson, AStaticPodIsKnownByTheHashInItsPath) {
  const std::string hash(32, 'c');
  const PodEntry pod =
      Only(OnePod(base::StrCat(R"(,"uid":")", hash,
                               R"(","annotations":{"kubernetes.io/config.hash":")", hash, R"("})"),
                  ""));
  EXPECT_EQ(pod.cgroup_uid, model::PodUid::Parse(hash));
  EXPECT_EQ(pod.facts.uid, "") << "the hash is not a uid that the API server shows";
}

TEST(KubeletPodsJson, AMirrorPodHasBothUidAndHash) {
  const std::string hash(32, 'c');
  const PodEntry pod = Only(OnePod(
      base::StrCat(R"(,"uid":")", UidText('a'), R"(","annotations":{"kubernetes.io/config.hash":")",
                   hash, R"(","kubernetes.io/config.mirror":")", hash, R"("})"),
      ""));
  EXPECT_EQ(pod.cgroup_uid, model::PodUid::Parse(hash));
  EXPECT_EQ(pod.facts.uid, UidText('a'));
}

TEST(KubeletPodsJson, AnOrdinaryPodCannotTakeAStaticPodsHash) {
  const PodEntry pod = Only(OnePod(
      base::StrCat(R"(,"uid":")", UidText('a'), R"(","annotations":{"kubernetes.io/config.hash":")",
                   std::string(32, 'c'), R"("})"),
      ""));
  EXPECT_EQ(pod.cgroup_uid, Uid('a'));
}

TEST(KubeletPodsJson, ANodeWithoutPods) {
  for (const char* json : {R"({"kind":"PodList","items":[]})", R"({"items":null})"}) {
    const auto listing = Parse(json);
    ASSERT_TRUE(listing.ok()) << json;
    EXPECT_THAT(listing->pods, IsEmpty());
  }
}

TEST(KubeletPodsJson, AContainerNotMadeYetIsNoError) {
  const auto listing = Parse(OnePod(
      "", R"("containerStatuses":[{"name":"api","containerID":"","state":{"waiting":{}}}])"));
  ASSERT_TRUE(listing.ok());
  ASSERT_THAT(listing->pods, SizeIs(1));
  EXPECT_THAT(listing->pods[0].containers, IsEmpty());
  EXPECT_EQ(listing->skipped, Skipped());
}

// One damage a row: what is wrong, and that everything else is kept.
struct Damage {
  const char* name;
  std::string metadata;
  std::string status;
};
class WrongTypeTest : public testing::TestWithParam<Damage> {};

TEST_P(WrongTypeTest, IsAsGoodAsAbsent) {
  const auto listing = Parse(OnePod(GetParam().metadata, GetParam().status));
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  ASSERT_THAT(listing->pods, SizeIs(1));
  EXPECT_EQ(listing->pods[0].facts.name, "cart-7d9fbb-x2k4z");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, WrongTypeTest,
    testing::Values(
        Damage{"uid_is_a_number", R"(,"uid":17)", ""},
        Damage{"uid_is_an_object", R"(,"uid":{"name":"x"})", ""},
        Damage{"labels_are_a_list", R"(,"labels":["a","b"])", ""},
        Damage{"label_is_an_object", R"(,"labels":{"app":{"x":"y"}})", ""},
        Damage{"label_is_null", R"(,"labels":{"app":null})", ""},
        Damage{"owners_are_an_object", R"(,"ownerReferences":{"kind":"Job","name":"x"})", ""},
        Damage{"owner_is_text", R"(,"ownerReferences":["Job"])", ""},
        Damage{"controller_is_text",
               R"(,"ownerReferences":[{"kind":"Job","name":"x","controller":"true"}])", ""},
        Damage{"annotations_are_text", R"(,"annotations":"kubernetes.io/config.hash")", ""},
        Damage{"qos_is_a_list", "", R"("qosClass":["Burstable"])"},
        Damage{"qos_is_unknown", "", R"("qosClass":"Gold")"},
        Damage{"statuses_are_an_object", "", R"("containerStatuses":{"name":"api"})"},
        Damage{"statuses_are_null", "", R"("containerStatuses":null)"},
        Damage{"status_is_a_number", "", R"("containerStatuses":[1,null,true,"x",[[]],{}])"},
        Damage{"restart_count_is_negative", "", R"("containerStatuses":[{"restartCount":-1}])"},
        Damage{"restart_count_is_huge", "", R"("containerStatuses":[{"restartCount":4294967296}])"},
        Damage{"restart_count_is_text", "", R"("containerStatuses":[{"restartCount":"3"}])"},
        Damage{"state_is_a_list", "", R"("containerStatuses":[{"state":[{"terminated":{}}]}])"},
        Damage{"container_id_is_a_number", "", R"("containerStatuses":[{"containerID":5}])"},
        Damage{"member_given_twice", R"(,"labels":{"a":"b"},"labels":{"c":"d"})", ""},
        Damage{"pods_within_a_pod", R"(,"items":[{"metadata":{"name":"x","namespace":"y"}}])", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(KubeletPodsJson, AnIdThatIsNotOneIsSkippedAndCounted) {
  for (const std::string& id : {base::StrCat("containerd://", std::string(63, '1')), HexId('1'),
                                base::StrCat("containerd://", std::string(64, 'G'))}) {
    const auto listing = Parse(OnePod(
        "", base::StrCat(R"("containerStatuses":[{"name":"api","containerID":")", id, R"("}])")));
    ASSERT_TRUE(listing.ok());
    EXPECT_THAT(listing->pods[0].containers, IsEmpty());
    EXPECT_EQ(listing->skipped.bad_id, 1u) << id;
  }
}

TEST(KubeletPodsJson, APodWithoutANameIsSkippedAndCounted) {
  const auto listing = Parse(R"({"items":[{"metadata":{"namespace":"shop"}},{}]})");
  ASSERT_TRUE(listing.ok());
  EXPECT_THAT(listing->pods, IsEmpty());
  EXPECT_EQ(listing->skipped.no_pod, 2u);
}

TEST(KubeletPodsJson, ANameLongerThanKubernetesAllowsIsSkippedAndCounted) {
  const auto listing = Parse(base::StrCat(R"({"items":[{"metadata":{"namespace":"shop","name":")",
                                          std::string(254, 'x'), R"("}}]})"));
  ASSERT_TRUE(listing.ok());
  EXPECT_THAT(listing->pods, IsEmpty());
  EXPECT_EQ(listing->skipped.too_long, 1u);
}

TEST(KubeletPodsJson, LabelsAreBoundedInNumberAndSize) {
  std::string labels = base::StrCat(R"("k":")", std::string(64, 'v'), R"(")");
  for (int i = 0; i < 200; ++i) base::StrAppend(&labels, ",\"k", i, R"(":"v")");
  const auto listing = Parse(OnePod(base::StrCat(R"(,"labels":{)", labels, "}"), ""));
  ASSERT_TRUE(listing.ok());
  EXPECT_THAT(listing->pods[0].facts.labels, SizeIs(kMaxLabels));
  EXPECT_EQ(listing->skipped.labels, 201 - kMaxLabels);
}

TEST(KubeletPodsJson, ContainersAreBoundedInNumber) {
  std::string json = R"({"items":[)";
  for (size_t i = 0; i < kMaxContainers + 5; ++i) {
    char id[65];
    std::snprintf(id, sizeof id, "%064zx", i);
    base::StrAppend(
        &json, i == 0 ? "" : ",", R"({"metadata":{"namespace":"n","name":"p"},"status":)",
        R"({"containerStatuses":[{"name":"c","containerID":"containerd://)", id, R"("}]}})");
  }
  json += "]}";
  const auto listing = Parse(json);
  ASSERT_TRUE(listing.ok());
  EXPECT_THAT(listing->pods, SizeIs(kMaxContainers));
  EXPECT_GE(listing->skipped.over_limit, 5u);
}

TEST(KubeletPodsJson, ANestingBombIsRefused) {
  for (const char* bomb : {"[", R"({"a":)"}) {
    std::string json = R"({"items":[{"x":)";
    for (int i = 0; i < 1'000'000; ++i) json += bomb;
    const auto listing = Parse(json);
    EXPECT_TRUE(absl::IsInvalidArgument(listing.status()));
    EXPECT_THAT(Message(listing.status()), HasSubstr("nested deeper than the bound of 64"));
  }
}

TEST(KubeletPodsJson, ATextThatEndsTooEarlyIsTold) {
  const std::string whole = OnePod("", "");
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto listing = Parse(whole.substr(0, size));
    ASSERT_TRUE(absl::IsDataLoss(listing.status())) << size << ": " << listing.status().message();
    EXPECT_THAT(Message(listing.status()), HasSubstr("ends too early"));
  }
}

TEST(KubeletPodsJson, ATextThatIsNotJsonIsToldWithoutQuotingIt) {
  const auto listing = Parse("{\"items\": secret]");
  EXPECT_TRUE(absl::IsInvalidArgument(listing.status()));
  EXPECT_EQ(Message(listing.status()), "not JSON, at byte 11");
}

TEST(KubeletPodsJson, BytesThatAreNotUtf8AreRefused) {
  const auto listing = Parse("{\"items\":[{\"metadata\":{\"name\":\"\xff\"}}]}");
  EXPECT_TRUE(absl::IsInvalidArgument(listing.status()));
}

TEST(KubeletPodsJson, TextBehindTheListIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Parse(R"({"items":[]} x)").status()));
}

TEST(KubeletPodsJson, AnotherDocumentIsToldApart) {
  for (const char* json :
       {"[]", "17", "\"items\"", "{}", R"({"kind":"Status","message":"no"})", R"({"items":{}})"}) {
    const auto listing = Parse(json);
    EXPECT_TRUE(absl::IsInvalidArgument(listing.status())) << json;
    EXPECT_THAT(Message(listing.status()), HasSubstr("not a list of pods")) << json;
  }
}

}  // namespace
}  // namespace oomtrail::attribute
