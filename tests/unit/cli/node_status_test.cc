#include "agent/cli/node_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStarted = 1'795'239'667;  // 2026-11-21T05:41:07Z
constexpr int64_t kNow = (kStarted + 11'521) * kSecond;

v1::GetNodeStatusResponse Healthy() {
  v1::GetNodeStatusResponse status;
  status.set_node("worker-3");
  status.set_version("0.1.0");
  status.set_kernel("6.1.0-18-amd64");
  status.set_cgroup_version(2);
  status.mutable_start_time()->set_seconds(kStarted);
  auto* victim = status.add_hooks();
  victim->set_hook("victim");
  victim->set_method(v1::METHOD_FENTRY);
  victim->set_pinned(true);
  auto* context = status.add_hooks();
  context->set_hook("context");
  context->set_method(v1::METHOD_KPROBE);
  context->add_refusals("fentry: EPERM at load");
  auto* cri = status.add_name_sources();
  cri->set_name("cri");
  cri->set_where("unix:///run/containerd/containerd.sock");
  cri->set_answers(true);
  cri->set_containers(37);
  cri->mutable_last_success()->set_seconds(kStarted + 11'519);
  status.set_containers(38);
  auto* journal = status.mutable_journal();
  journal->set_directory("/var/lib/oomtrail");
  journal->set_events(1204);
  journal->set_bytes(3'250'585);
  journal->set_oldest_cursor("worker-3/1/1");
  journal->set_newest_cursor("worker-3/4/1204");
  status.set_subscribers(2);
  status.set_events(42);
  auto* lookout = status.mutable_lookout();
  lookout->set_reader("cgroup_iterator");
  lookout->set_pressure(true);
  lookout->set_watched(38);
  lookout->set_standing_warnings(1);
  lookout->set_last_pass_seconds(0.00042);
  status.mutable_tracking()->set_mode(v1::TRACKING_MODE_OFF);
  return status;
}

v1::GetNodeStatusResponse Troubled() {
  v1::GetNodeStatusResponse status = Healthy();
  auto* memcg = status.add_hooks();
  memcg->set_hook("memcg_oom");
  memcg->add_refusals("fentry: EPERM at load");
  memcg->add_refusals("kprobe: ENOENT at attach");
  auto* kubelet = status.add_name_sources();
  kubelet->set_name("kubelet");
  kubelet->set_where("https://127.0.0.1:10250");
  kubelet->set_error("connect: ECONNREFUSED (Connection refused)");
  kubelet->mutable_last_success()->set_seconds(kStarted);
  status.mutable_journal()->set_error("write /var/lib/oomtrail: ENOSPC (No space left on device)");
  status.mutable_journal()->set_unwritten(3);
  auto* loss = status.add_losses();
  loss->set_stage("kill_ring_full");
  loss->set_count(5);
  auto* lookout = status.mutable_lookout();
  lookout->set_reader("cgroup_files");
  lookout->set_reader_reason("bpf: EPERM");
  lookout->set_pressure(false);
  lookout->set_left_out(7);
  lookout->set_lost(2);
  auto* tracking = status.mutable_tracking();
  tracking->set_mode(v1::TRACKING_MODE_ADAPTIVE);
  tracking->set_one_in(500);
  tracking->set_events_per_second(987.6);
  tracking->mutable_until()->set_seconds(kStarted + 12'000);
  tracking->set_error("bpf: ENOMEM");
  (*status.mutable_unattributed())["no name source knows this container"] = 2;
  return status;
}

TEST(NodeStatusTest, AHealthyAgentReadsAtAGlance) {
  EXPECT_EQ("\n" + NodeStatusText(Healthy(), kNow, false), R"(
  node         worker-3
  agent        oomtrail 0.1.0, up 3h 12m, since 2026-11-21T05:41:07.000Z
  kernel       6.1.0-18-amd64, cgroup v2
  events       42 told since the agent started
  subscribers  2

hooks
  victim     fentry, pinned
  context    kprobe
             refused fentry: EPERM at load

names of pods and containers
  cri        unix:///run/containerd/containerd.sock  answers, 37 containers, 2s ago
  known      38 containers

journal
  where        /var/lib/oomtrail
  holds        1204 events, 3.1MiB
  oldest       worker-3/1/1
  newest       worker-3/4/1204

warnings before a kill
  reader       cgroup_iterator, 38 cgroups in 0.4 ms
  pressure     told by the kernel (PSI)
  standing     1 warnings
  allocations  off

lost since the agent started
  0            nothing

kills without names
  0            every kill in a pod was named
)");
}

TEST(NodeStatusTest, TroubleIsMarked) {
  EXPECT_EQ("\n" + NodeStatusText(Troubled(), kNow, false), R"(
  node         worker-3
  agent        oomtrail 0.1.0, up 3h 12m, since 2026-11-21T05:41:07.000Z
  kernel       6.1.0-18-amd64, cgroup v2
  events       42 told since the agent started
  subscribers  2

hooks
  victim     fentry, pinned
  context    kprobe
             refused fentry: EPERM at load
! memcg_oom  none: no method works (oomtrail doctor says why)
             refused fentry: EPERM at load
             refused kprobe: ENOENT at attach

names of pods and containers
  cri        unix:///run/containerd/containerd.sock  answers, 37 containers, 2s ago
! kubelet    https://127.0.0.1:10250  does not answer: connect: ECONNREFUSED (Connection refused); last did 3h 12m ago
  known      38 containers

journal
  where        /var/lib/oomtrail
  holds        1204 events, 3.1MiB
  oldest       worker-3/1/1
  newest       worker-3/4/1204
! not written  write /var/lib/oomtrail: ENOSPC (No space left on device)
! waiting      3 events told but not yet written

warnings before a kill
  reader       cgroup_files, 38 cgroups in 0.4 ms
               not a better one: bpf: EPERM
  pressure     not told by this kernel: level and growth only
  standing     1 warnings
! not watched  7 cgroups: too many
! lost         2 warnings
  allocations  adaptive, 1 in 500, 988 events a second, for a client until 2026-11-21T09:01:07.000Z
!              bpf: ENOMEM

lost since the agent started
! 5            kill_ring_full

kills without names
! 2            no name source knows this container
)");
}

TEST(NodeStatusTest, OnlyTroubleIsYellow) {
  EXPECT_THAT(NodeStatusText(Healthy(), kNow, true), Not(HasSubstr("\x1b[1;33m")));
  EXPECT_THAT(NodeStatusText(Troubled(), kNow, true), HasSubstr("\x1b[1;33mkill_ring_full\x1b[0m"));
}

TEST(NodeStatusTest, AnEmptyAnswerSaysThatNothingIsSeen) {
  const std::string text = NodeStatusText({}, kNow, false);
  EXPECT_THAT(text, HasSubstr("no kill is seen"));
  EXPECT_THAT(text, HasSubstr("in memory"));
  EXPECT_THAT(text, HasSubstr("nobody looks out (--warn off)"));
}

v1::GetNodeStatusResponse Hostile() {
  v1::GetNodeStatusResponse status = Troubled();
  const std::string bad = "a\n\x1b[2J\u202e";
  status.set_node(bad);
  status.set_version(bad);
  status.set_kernel(bad);
  status.mutable_hooks(0)->set_hook(bad);
  status.mutable_hooks(1)->set_refusals(0, bad);
  status.mutable_hooks(2)->set_method(static_cast<v1::Method>(99));
  status.mutable_name_sources(0)->set_name(bad);
  status.mutable_name_sources(0)->set_where(bad);
  status.mutable_name_sources(1)->set_error(bad);
  status.mutable_journal()->set_directory(bad);
  status.mutable_journal()->set_oldest_cursor(bad);
  status.mutable_journal()->set_newest_cursor(bad);
  status.mutable_journal()->set_error(bad);
  status.mutable_losses(0)->set_stage(bad);
  (*status.mutable_unattributed())[bad] = 1;
  status.mutable_lookout()->set_reader(bad);
  status.mutable_lookout()->set_reader_reason(bad);
  status.mutable_lookout()->set_last_pass_seconds(1e308);
  status.mutable_tracking()->set_mode(static_cast<v1::TrackingMode>(99));
  status.mutable_tracking()->set_error(bad);
  status.mutable_tracking()->set_events_per_second(-INFINITY);
  status.mutable_start_time()->set_seconds(INT64_MAX);
  return status;
}

TEST(NodeStatusTest, WhatTheAgentSaysCannotActOnTheTerminal) {
  const std::string text = NodeStatusText(Hostile(), kNow, false);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\u202e")));
  // One reason more, and not a line besides.
  const std::string usual = NodeStatusText(Troubled(), kNow, false);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
            std::count(usual.begin(), usual.end(), '\n') + 1);
  const std::string json = NodeStatusJson(Hostile());
  EXPECT_THAT(json, Not(HasSubstr("\u202e")));
  EXPECT_EQ(nlohmann::json::parse(json)["node"], R"(a\x0a\x1b[2J\xe2\x80\xae)");
}

TEST(NodeStatusTest, JsonHasNumbersAsNumbersAndLeavesOutWhatIsNotKnown) {
  const std::string line = NodeStatusJson(Troubled());
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["node"], "worker-3");
  EXPECT_EQ(json["start_time"], "2026-11-21T05:41:07.000000000Z");
  EXPECT_EQ(json["hooks"][0]["method"], "fentry");
  EXPECT_FALSE(json["hooks"][2].contains("method"));
  EXPECT_EQ(json["hooks"][2]["refusals"].size(), 2U);
  EXPECT_FALSE(json["name_sources"][0].contains("error"));
  EXPECT_EQ(json["journal"]["events"], 1204);
  EXPECT_EQ(json["losses"][0]["count"], 5);
  EXPECT_EQ(json["lookout"]["left_out"], 7);
  EXPECT_EQ(json["lookout"]["reader"], "cgroup_files");
  EXPECT_EQ(json["tracking"]["mode"], "adaptive");
  EXPECT_EQ(json["tracking"]["error"], "bpf: ENOMEM");
  EXPECT_EQ(json["unattributed"]["no name source knows this container"], 2);
}

}  // namespace
}  // namespace oomtrail::cli
