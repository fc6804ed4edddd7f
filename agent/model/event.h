// One event as users see it: log line, JSON and (later) gRPC are renderings of this value.
//
// What is not known is absent, never 0 or "". Names are raw bytes here: publish escapes them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/cgroup_identity.h"
#include "agent/model/ids.h"
#include "agent/model/kernel_record.h"
#include "agent/model/warning.h"

namespace oomtrail::model {

enum class Kind { kOomKill, kOomWithoutKill, kLost, kEarlyWarning };
std::string_view Name(Kind kind);

// Whose allowance was exhausted.
enum class Scope { kContainer, kPod, kAncestor, kNode, kCpuset, kMempolicy, kManual, kHost };
std::string_view Name(Scope scope);

enum class AttributionStatus { kFull, kPartial, kHost, kUnknown };
std::string_view Name(AttributionStatus status);

struct Limit {
  std::string path;
  std::optional<CgroupId> id;
  std::optional<uint64_t> bytes;
  std::optional<uint64_t> usage_bytes;
};

struct Workload {
  std::string kind;
  std::string name;
  bool inferred = false;

  bool operator==(const Workload&) const = default;
};

// What a container is to its pod. A sidecar is an init container that goes on running.
enum class ContainerKind { kApp, kInit, kSidecar, kEphemeral };
std::string_view Name(ContainerKind kind);

// What the CRI runtime or the kubelet says of a pod.
struct PodFacts {
  std::string name;
  std::string ns;
  std::string uid;  // as the API server shows it; for a static pod not the cgroup's hash
  std::optional<Qos> qos;
  std::map<std::string, std::string> labels;       // those that are to be shown
  std::map<std::string, std::string> annotations;  // as well
  std::optional<Workload> workload;
  std::optional<bool> host_network;
  // What its manifest asks for the pod as a whole.
  std::optional<uint64_t> memory_limit_bytes;
  std::optional<uint64_t> memory_request_bytes;

  bool operator==(const PodFacts&) const = default;
};

struct ContainerFacts {
  std::string name;
  std::string image;
  std::optional<uint32_t> restart_count;
  std::optional<Runtime> runtime;
  std::optional<ContainerKind> kind;
  // What the pod's manifest asks for it.
  std::optional<uint64_t> memory_limit_bytes;
  std::optional<uint64_t> memory_request_bytes;

  bool operator==(const ContainerFacts&) const = default;
};

struct Attribution {
  AttributionStatus status = AttributionStatus::kUnknown;
  std::vector<std::string> sources;  // "cgroup_path", "cri", "kubelet"
  std::vector<std::string> missing;  // JSON names of what could not be learnt
  std::string reason;                // in words, empty where status is full
};

// Events the agent knows it did not see or could not deliver.
struct Loss {
  std::string stage;  // "kill_ring_full", "log_backlog", …
  uint64_t count = 0;
};

struct Event {
  std::string id;
  uint32_t revision = 0;  // raised by an amendment of the same id
  Kind kind = Kind::kOomKill;
  uint64_t boot_ns = 0;
  int64_t wall_ns = 0;
  std::string node;
  std::string incident_id;
  std::string cursor;  // its place in the node's journal; empty before it has one

  std::optional<Victim> victim;
  std::optional<int64_t> victim_start_wall_ns;
  std::optional<Trigger> trigger;
  std::string trigger_path;

  std::string cgroup_path;
  CgroupId cgroup_id;
  int cgroup_version = 0;  // 0: not known
  CgroupIdentity identity;

  std::optional<Scope> scope;
  bool scope_inferred = false;
  std::optional<Limit> limit;
  std::optional<OomContext> oom;
  std::optional<bool> group_kill;

  Attribution attribution;
  std::optional<PodFacts> pod;
  std::optional<ContainerFacts> container;
  std::optional<HookSource> hook;

  std::optional<Loss> loss;
  uint64_t suppressed = 0;         // kOomWithoutKill: like ones left out
  std::optional<Warning> warning;  // kEarlyWarning
  std::optional<Warned> warned;    // kOomKill; absent where nobody looked out for it
};

}  // namespace oomtrail::model
