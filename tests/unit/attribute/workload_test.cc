#include "agent/attribute/workload.h"

#include <gtest/gtest.h>

#include <vector>

namespace oomtrail::attribute {
namespace {

struct OwnerRow {
  const char* name;
  std::vector<OwnerReference> owners;
  Labels labels;
  std::optional<model::Workload> expected;
};

class OwnerTest : public testing::TestWithParam<OwnerRow> {};

TEST_P(OwnerTest, NamesTheWorkload) {
  EXPECT_EQ(WorkloadFromOwners(GetParam().owners, GetParam().labels), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, OwnerTest,
    testing::Values(
        OwnerRow{"none", {}, {}, std::nullopt},
        OwnerRow{"owner_that_does_not_control",
                 {{"ReplicaSet", "cart-7d9f", false}},
                 {{"pod-template-hash", "7d9f"}},
                 std::nullopt},
        OwnerRow{"deployment",
                 {{"ReplicaSet", "cart-7d9fbb", true}},
                 {{"pod-template-hash", "7d9fbb"}},
                 model::Workload{"Deployment", "cart", true}},
        OwnerRow{"replica_set_of_its_own",
                 {{"ReplicaSet", "cart", true}},
                 {},
                 model::Workload{"ReplicaSet", "cart", false}},
        OwnerRow{"replica_set_not_named_after_the_hash",
                 {{"ReplicaSet", "cart-7d9fbb", true}},
                 {{"pod-template-hash", "other"}},
                 model::Workload{"ReplicaSet", "cart-7d9fbb", false}},
        OwnerRow{"hash_without_a_dash_before_it",
                 {{"ReplicaSet", "cart7d9fbb", true}},
                 {{"pod-template-hash", "7d9fbb"}},
                 model::Workload{"ReplicaSet", "cart7d9fbb", false}},
        OwnerRow{"nothing_before_the_hash",
                 {{"ReplicaSet", "-7d9fbb", true}},
                 {{"pod-template-hash", "7d9fbb"}},
                 model::Workload{"ReplicaSet", "-7d9fbb", false}},
        OwnerRow{"stateful_set",
                 {{"StatefulSet", "db", true}},
                 {},
                 model::Workload{"StatefulSet", "db", false}},
        OwnerRow{"daemon_set",
                 {{"DaemonSet", "logs", true}},
                 {},
                 model::Workload{"DaemonSet", "logs", false}},
        OwnerRow{"mirror_pod",
                 {{"Node", "worker-1", true}},
                 {},
                 model::Workload{"Node", "worker-1", false}},
        OwnerRow{"foreign_kind",
                 {{"Rollout", "cart", true}},
                 {},
                 model::Workload{"Rollout", "cart", false}},
        OwnerRow{"job", {{"Job", "import", true}}, {}, model::Workload{"Job", "import", false}},
        OwnerRow{"job_with_a_short_number",
                 {{"Job", "import-2026", true}},
                 {},
                 model::Workload{"Job", "import-2026", false}},
        OwnerRow{"cron_job",
                 {{"Job", "backup-29391820", true}},
                 {},
                 model::Workload{"CronJob", "backup", true}},
        OwnerRow{"job_that_is_only_a_number",
                 {{"Job", "29391820", true}},
                 {},
                 model::Workload{"Job", "29391820", false}},
        OwnerRow{"the_controller_among_others",
                 {{"ConfigMap", "x", false}, {"StatefulSet", "db", true}},
                 {},
                 model::Workload{"StatefulSet", "db", false}},
        OwnerRow{"controller_without_a_name", {{"StatefulSet", "", true}}, {}, std::nullopt}),
    [](const auto& row) { return std::string(row.param.name); });

struct LabelRow {
  const char* name;
  std::string pod;
  Labels labels;
  std::optional<model::Workload> expected;
};

class LabelTest : public testing::TestWithParam<LabelRow> {};

TEST_P(LabelTest, NamesTheWorkload) {
  EXPECT_EQ(WorkloadFromLabels(GetParam().pod, GetParam().labels), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LabelTest,
    testing::Values(
        LabelRow{"none", "cart-7d9fbb-x2k4z", {}, std::nullopt},
        LabelRow{"deployment",
                 "cart-api-7d9fbb-x2k4z",
                 {{"pod-template-hash", "7d9fbb"}},
                 model::Workload{"Deployment", "cart-api", true}},
        LabelRow{"copied_hash_on_a_foreign_pod",
                 "debug-shell",
                 {{"pod-template-hash", "7d9fbb"}},
                 std::nullopt},
        LabelRow{"hash_not_in_the_name",
                 "cart-7d9fbb-x2k4z",
                 {{"pod-template-hash", "8888bb"}},
                 std::nullopt},
        LabelRow{"suffix_that_nobody_generates",
                 "cart-7d9fbb-aeiou",
                 {{"pod-template-hash", "7d9fbb"}},
                 std::nullopt},
        LabelRow{"hash_cut_off_by_a_long_name",
                 std::string(50, 'c') + "-7d9fx2k4z",
                 {{"pod-template-hash", "7d9fbbbbbb"}},
                 std::nullopt},
        LabelRow{"stateful_set_by_pod_name",
                 "db-12",
                 {{"statefulset.kubernetes.io/pod-name", "db-12"},
                  {"controller-revision-hash", "db-5b8c7d"}},
                 model::Workload{"StatefulSet", "db", true}},
        LabelRow{"stateful_set_by_index",
                 "db-0",
                 {{"apps.kubernetes.io/pod-index", "0"}},
                 model::Workload{"StatefulSet", "db", true}},
        LabelRow{"pod_name_label_of_another_pod",
                 "copy-0",
                 {{"statefulset.kubernetes.io/pod-name", "db-0"}},
                 std::nullopt},
        LabelRow{"index_that_is_not_the_ordinal",
                 "db-1",
                 {{"apps.kubernetes.io/pod-index", "0"}},
                 std::nullopt},
        LabelRow{"job",
                 "import-x2k4z",
                 {{"batch.kubernetes.io/job-name", "import"}},
                 model::Workload{"Job", "import", true}},
        LabelRow{"job_by_the_old_label",
                 "import-0-x2k4z",
                 {{"job-name", "import"}},
                 model::Workload{"Job", "import", true}},
        LabelRow{"cron_job",
                 "backup-29391820-x2k4z",
                 {{"job-name", "backup-29391820"}},
                 model::Workload{"CronJob", "backup", true}},
        LabelRow{"job_label_on_a_foreign_pod", "web", {{"job-name", "import"}}, std::nullopt},
        LabelRow{"daemon_set",
                 "logs-x2k4z",
                 {{"controller-revision-hash", "6b8c9d7f5c"}, {"pod-template-generation", "3"}},
                 model::Workload{"DaemonSet", "logs", true}},
        LabelRow{"revision_of_somebody_else",
                 "clone-x2k4z",
                 {{"controller-revision-hash", "6b8c9d7f5c"}},
                 std::nullopt},
        LabelRow{"daemon_set_pod_with_a_foreign_name",
                 "logs",
                 {{"controller-revision-hash", "6b8c9d7f5c"}, {"pod-template-generation", "3"}},
                 std::nullopt}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace oomtrail::attribute
