// Events as the pipeline makes them: one of every kind, scope, status and method. The unit tests
// spell some of them out, the schema is held against all, and docs/events.md shows a few.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/event.h"

namespace oomtrail::publish {

struct Sample {
  std::string_view name;
  model::Event event;
};

inline constexpr int64_t kSampleWallNs = 1'795'239'667'123'456'789;  // 2026-11-21T05:41:07Z
inline constexpr uint64_t kSampleBootNs = 864'123'456'789'012;
inline constexpr int64_t kHourNs = 3'600'000'000'000;
inline constexpr uint64_t kMiB = 1024 * 1024;
inline constexpr std::string_view kSampleContainerId =
    "5d0e3c9a7b1f4e62a8c4d97f10b36e5528ab0c6f9de1437bb2f5a6081c3d7e94";
inline constexpr std::string_view kSamplePodUid = "0c9d7c1e-6f0a-4b57-9a57-3a1f0f6f2b11";
inline constexpr std::string_view kSamplePodPath =
    "/kubepods.slice/kubepods-burstable.slice/"
    "kubepods-burstable-pod0c9d7c1e_6f0a_4b57_9a57_3a1f0f6f2b11.slice";
inline constexpr std::string_view kSampleStaticPodHash = "b6dcc9d1f5f1d4b8a9d3c1f0e2a7b6c5";

inline std::string SampleContainerPath() {
  return std::string(kSamplePodPath) + "/cri-containerd-" + std::string(kSampleContainerId) +
         ".scope";
}

inline model::Victim SampleVictim() {
  return {.pid = 4312,
          .tid = 4312,
          .comm = "java",
          .uid = 1000,
          .oom_score_adj = 984,
          .start_boot_ns = kSampleBootNs - static_cast<uint64_t>(kHourNs),
          .memory = {.anon_rss_bytes = 515'899'392,
                     .file_rss_bytes = 6'504'448,
                     .shmem_rss_bytes = 0,
                     .page_table_bytes = 1'294'336,
                     .total_vm_bytes = 3'221'225'472}};
}

// The runtime has not answered yet: what the record and the cgroup path prove.
inline model::Event PartialKill() {
  model::Event event;
  event.id = "3f6c1a52-4312-30ea43af67a14";
  event.boot_ns = kSampleBootNs;
  event.wall_ns = kSampleWallNs;
  event.node = "worker-3";
  event.incident_id = "3f6c1a52-i2a";
  event.victim = SampleVictim();
  event.victim_start_wall_ns = kSampleWallNs - kHourNs;
  event.trigger = model::Trigger{.pid = 4312, .tid = 4340, .comm = "java", .memcg = {24871}};
  event.trigger_path = SampleContainerPath();
  event.cgroup_path = SampleContainerPath();
  event.cgroup_id = {24871};
  event.cgroup_version = 2;
  event.identity = {.level = model::Level::kContainer,
                    .container_id = model::ContainerId::Parse(kSampleContainerId),
                    .pod_uid = model::PodUid::Parse(kSamplePodUid),
                    .qos = model::Qos::kBurstable,
                    .runtime = model::Runtime::kContainerd,
                    .driver = model::Driver::kSystemd};
  event.scope = model::Scope::kContainer;
  event.limit = model::Limit{.path = SampleContainerPath(),
                             .id = model::CgroupId{24871},
                             .bytes = 512 * kMiB,
                             .usage_bytes = 512 * kMiB};
  event.oom = model::OomContext{.constraint = model::Constraint::kMemcg,
                                .order = 0,
                                .gfp = 3264,
                                .total_pages = 131'072,
                                .limit_memcg = {24871},
                                .sequence = 42};
  event.group_kill = false;
  event.attribution = {.status = model::AttributionStatus::kPartial,
                       .sources = {"cgroup_path"},
                       .missing = {"pod.name", "pod.namespace", "container.name"},
                       .reason = "no name source knows this container"};
  event.hook =
      model::HookSource{.name = "__oom_kill_process", .method = model::HookMethod::kFentry};
  return event;
}

// Everything is known. With the revision raised it is the amendment of PartialKill().
inline model::Event FullKill(uint32_t revision = 0) {
  model::Event event = PartialKill();
  event.revision = revision;
  event.cursor = "worker-3/5f2c9e1b7a3d8046/1842";
  event.attribution = {.status = model::AttributionStatus::kFull,
                       .sources = {"cgroup_path", "cri", "kubelet"}};
  event.pod = model::PodFacts{
      .name = "cart-7d9f",
      .ns = "shop",
      .uid = std::string(kSamplePodUid),
      .qos = model::Qos::kBurstable,
      .labels = {{"app", "cart"}, {"app.kubernetes.io/part-of", "shop"}, {"canary", ""}},
      .workload = model::Workload{.kind = "Deployment", .name = "cart", .inferred = true},
      .host_network = false};
  event.container = model::ContainerFacts{.name = "api",
                                          .image = "registry.example.com/shop/cart:1.4.2",
                                          .restart_count = 3,
                                          .runtime = model::Runtime::kContainerd,
                                          .kind = model::ContainerKind::kApp,
                                          .memory_limit_bytes = 512 * kMiB,
                                          .memory_request_bytes = 256 * kMiB};
  return event;
}

// A daemon outside Kubernetes, under the limit that systemd set for its unit.
inline model::Event HostKill() {
  model::Event event = PartialKill();
  event.id = "3f6c1a52-812-30ea43af67a14";
  event.victim->pid = 812;
  event.victim->tid = 812;
  event.victim->comm = "rsyslogd";
  event.victim->memory.anon_rss_bytes = 63 * kMiB;
  event.victim->memory.file_rss_bytes = 614'400;
  event.trigger = model::Trigger{.pid = 812, .tid = 812, .comm = "rsyslogd", .memcg = {1433}};
  event.cgroup_path = "/system.slice/rsyslog.service";
  event.trigger_path = event.cgroup_path;
  event.cgroup_id = {1433};
  event.identity = {.level = model::Level::kHost, .unit = "rsyslog.service"};
  event.scope = model::Scope::kHost;
  event.limit = model::Limit{
      .path = "/system.slice/rsyslog.service", .bytes = 64 * kMiB, .usage_bytes = 64 * kMiB};
  event.attribution = {.status = model::AttributionStatus::kHost, .sources = {"cgroup_path"}};
  event.hook->method = model::HookMethod::kKprobe;
  return event;
}

// Only a pid and a command: /dev/kmsg, whose header line the kernel left out.
inline model::Event UnknownKill() {
  model::Event event;
  event.id = "3f6c1a52-977-t311ea6baf1a14";
  event.boot_ns = kSampleBootNs;
  event.wall_ns = kSampleWallNs;
  event.incident_id = "3f6c1a52-i311ea6baf1a14";
  event.victim = model::Victim{.pid = 977, .comm = "python3"};
  event.attribution = {.status = model::AttributionStatus::kUnknown,
                       .missing = {"cgroup.path", "victim.anon_rss_bytes", "victim.start_time",
                                   "trigger", "scope", "limit", "oom", "oom.group_kill"},
                       .reason = "the victim's cgroup could not be read"};
  event.hook = model::HookSource{.name = "kmsg", .method = model::HookMethod::kKmsg};
  return event;
}

// The pod's limit was hit, a process of another container of the pod asked for the page, and
// memory.oom.group took the whole container.
inline model::Event PodLimitGroupKill() {
  model::Event event = FullKill();
  event.scope = model::Scope::kPod;
  event.scope_inferred = true;
  event.limit->path = kSamplePodPath;
  event.limit->bytes = 1024 * kMiB;
  event.limit->usage_bytes = 1024 * kMiB - 8192;
  event.oom.reset();
  event.group_kill = true;
  event.trigger = model::Trigger{.pid = 5120, .tid = 5120, .comm = "log shipper", .memcg = {24990}};
  event.trigger_path = std::string(kSamplePodPath) + "/shipper";
  event.pod->qos = model::Qos::kGuaranteed;
  event.pod->memory_limit_bytes = 1024 * kMiB;
  event.pod->memory_request_bytes = 1024 * kMiB;
  event.pod->annotations = {{"shop.example.com/team", "checkout, night shift"}};
  event.container->kind = model::ContainerKind::kSidecar;
  event.container->memory_limit_bytes.reset();
  event.container->memory_request_bytes.reset();
  event.pod->workload = model::Workload{.kind = "StatefulSet", .name = "cart"};
  event.attribution.missing = {"oom"};
  event.hook = model::HookSource{.name = "mark_victim", .method = model::HookMethod::kTpBtf};
  return event;
}

// A limit above the pod: everything best-effort on the node shares it.
inline model::Event AncestorLimitKill() {
  model::Event event = FullKill();
  event.scope = model::Scope::kAncestor;
  event.limit->path = "/kubepods.slice/kubepods-besteffort.slice";
  event.pod->qos = model::Qos::kBestEffort;
  event.container->runtime = model::Runtime::kCrio;
  event.container->kind = model::ContainerKind::kInit;
  return event;
}

// A global OOM has a scope and no limit.
inline model::Event NodeKill(model::Scope scope, model::Constraint constraint, int32_t order) {
  model::Event event = FullKill();
  event.scope = scope;
  event.limit.reset();
  event.oom->constraint = constraint;
  event.oom->order = order;
  event.container->runtime = model::Runtime::kDocker;
  event.container->kind = model::ContainerKind::kEphemeral;
  return event;
}

// A static pod before its names are known: its cgroup carries a hash in the place of a uid.
inline model::Event StaticPodKill() {
  model::Event event = PartialKill();
  event.identity.pod_uid = model::PodUid::Parse(kSampleStaticPodHash);
  event.identity.runtime = model::Runtime::kPodman;
  event.hook = model::HookSource{.name = "mark_victim", .method = model::HookMethod::kTracepoint};
  return event;
}

// The same with its names: the API server's uid of it is not to be had.
inline model::Event NamedStaticPodKill() {
  model::Event event = FullKill();
  event.identity.pod_uid = model::PodUid::Parse(kSampleStaticPodHash);
  event.pod =
      model::PodFacts{.name = "kube-apiserver-worker-3", .ns = "kube-system", .host_network = true};
  return event;
}

// The container went over its limit and there was no process the kernel may kill.
inline model::Event NoKill() {
  model::Event event = FullKill();
  event.kind = model::Kind::kOomWithoutKill;
  event.id = "3f6c1a52-n311ea6baf1a14";
  event.incident_id = "3f6c1a52-i311ea6baf1a14";
  event.victim.reset();
  event.victim_start_wall_ns.reset();
  event.oom->total_pages.reset();
  event.group_kill.reset();
  event.suppressed = 17;
  event.hook =
      model::HookSource{.name = "mem_cgroup_out_of_memory", .method = model::HookMethod::kFentry};
  return event;
}

inline model::Event Lost() {
  model::Event event;
  event.kind = model::Kind::kLost;
  event.id = "3f6c1a52-l311ea6baf1a14-kill_ring_full";
  event.boot_ns = kSampleBootNs;
  event.wall_ns = kSampleWallNs;
  event.node = "worker-3";
  event.loss = model::Loss{.stage = "kill_ring_full", .count = 3};
  return event;
}

// A leak that will reach its limit, or has: the outcome amends the warning.
inline model::Event EarlyWarning(std::optional<model::WarningOutcome> outcome = std::nullopt) {
  model::Event event = FullKill();
  event.kind = model::Kind::kEarlyWarning;
  event.id = "3f6c1a52-w311ea6baf1a14-24871";
  event.incident_id.clear();
  event.victim.reset();
  event.victim_start_wall_ns.reset();
  event.trigger.reset();
  event.trigger_path.clear();
  event.oom.reset();
  event.group_kill.reset();
  event.hook.reset();
  event.limit->usage_bytes = 500 * kMiB;
  event.warning = model::Warning{.reason = model::WarningReason::kGrowth,
                                 .trend = {.growth_bytes_per_second = 1'258'291.25,
                                           .seconds_to_limit = 42.25,
                                           .confidence = 0.93},
                                 .working_set_bytes = 480 * kMiB};
  if (!outcome) return event;
  event.revision = 1;
  event.warning->outcome = outcome;
  event.warning->outcome_seconds = 61;
  return event;
}

// Nothing grows, but there is little left and tasks wait for it.
inline model::Event PressureWarning() {
  model::Event event = EarlyWarning();
  event.id = "3f6c1a52-w311ea6baf1a14-24990";
  event.scope = model::Scope::kPod;
  event.limit->path = kSamplePodPath;
  event.warning->reason = model::WarningReason::kPressure;
  event.warning->trend = {.growth_bytes_per_second = -4096, .confidence = 0.5};
  event.warning->stalled_share = 0.625;
  return event;
}

inline model::Event LevelWarning() {
  model::Event event = EarlyWarning(model::WarningOutcome::kExpired);
  event.warning->reason = model::WarningReason::kLevel;
  event.warning->trend = {.confidence = 1};
  return event;
}

// A kill that was warned of, and one that was not.
inline model::Event WarnedKill() {
  model::Event event = FullKill();
  event.warned = model::Warned{.warned = true, .id = EarlyWarning().id, .seconds_before = 42.5};
  return event;
}
inline model::Event UnwarnedKill() {
  model::Event event = FullKill();
  event.warned = model::Warned{};
  return event;
}

// Names made to break a terminal, a log or a parser.
inline model::Event HostileKill() {
  model::Event event = FullKill();
  event.victim->comm = "a\nOOM-KILL x\x1b[2J\"\\\xff";
  event.trigger->comm = R"(\x1b[31m)";
  event.trigger_path = "/a b\r/\u202egpj.exe";
  event.cgroup_path = R"(/system.slice/dev-disk\x2dby\x20id.service)";
  event.pod->name = "cart\u2028\x80";
  event.pod->labels = {{"app\n", "\x1b]0;owned\x07"}, {"quote\"", R"(\x5c)"}};
  event.pod->annotations = {{"note\r", "\x1b[2J"}};
  event.container->image = "\xc3(\x7f";
  return event;
}

inline std::vector<Sample> Samples() {
  using model::Constraint;
  using model::Scope;
  return {{"full", FullKill()},
          {"partial", PartialKill()},
          {"amendment", FullKill(1)},
          {"host", HostKill()},
          {"unknown", UnknownKill()},
          {"pod limit", PodLimitGroupKill()},
          {"ancestor limit", AncestorLimitKill()},
          {"node", NodeKill(Scope::kNode, Constraint::kNone, 2)},
          {"cpuset", NodeKill(Scope::kCpuset, Constraint::kCpuset, 0)},
          {"mempolicy", NodeKill(Scope::kMempolicy, Constraint::kMempolicy, 0)},
          {"manual", NodeKill(Scope::kManual, Constraint::kNone, -1)},
          {"static pod", StaticPodKill()},
          {"named static pod", NamedStaticPodKill()},
          {"no kill", NoKill()},
          {"lost", Lost()},
          {"early warning", EarlyWarning()},
          {"killed", EarlyWarning(model::WarningOutcome::kKilled)},
          {"receded", EarlyWarning(model::WarningOutcome::kReceded)},
          {"pressure", PressureWarning()},
          {"level", LevelWarning()},
          {"warned kill", WarnedKill()},
          {"unwarned kill", UnwarnedKill()},
          {"hostile", HostileKill()}};
}

}  // namespace oomtrail::publish
