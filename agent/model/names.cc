// The words of the JSON form for the enums of this folder.
#include "agent/model/event.h"
#include "agent/model/kernel_record.h"
#include "agent/model/warning.h"

namespace oomtrail::model {

std::string_view Name(HookMethod method) {
  switch (method) {
    case HookMethod::kFentry: return "fentry";
    case HookMethod::kKprobe: return "kprobe";
    case HookMethod::kTpBtf: return "tp_btf";
    case HookMethod::kTracepoint: return "tracepoint";
    case HookMethod::kKmsg: return "kmsg";
  }
  return "";
}

std::string_view Name(Constraint constraint) {
  switch (constraint) {
    case Constraint::kNone: return "none";
    case Constraint::kCpuset: return "cpuset";
    case Constraint::kMempolicy: return "mempolicy";
    case Constraint::kMemcg: return "memcg";
  }
  return "";
}

std::string_view Name(Kind kind) {
  switch (kind) {
    case Kind::kOomKill: return "oom_kill";
    case Kind::kOomWithoutKill: return "oom_without_kill";
    case Kind::kLost: return "lost";
    case Kind::kEarlyWarning: return "early_warning";
  }
  return "";
}

std::string_view Name(Scope scope) {
  switch (scope) {
    case Scope::kContainer: return "container";
    case Scope::kPod: return "pod";
    case Scope::kAncestor: return "ancestor";
    case Scope::kNode: return "node";
    case Scope::kCpuset: return "cpuset";
    case Scope::kMempolicy: return "mempolicy";
    case Scope::kManual: return "manual";
    case Scope::kHost: return "host";
  }
  return "";
}

std::string_view Name(ContainerKind kind) {
  switch (kind) {
    case ContainerKind::kApp: return "app";
    case ContainerKind::kInit: return "init";
    case ContainerKind::kSidecar: return "sidecar";
    case ContainerKind::kEphemeral: return "ephemeral";
  }
  return "";
}

std::string_view Name(AttributionStatus status) {
  switch (status) {
    case AttributionStatus::kFull: return "full";
    case AttributionStatus::kPartial: return "partial";
    case AttributionStatus::kHost: return "host";
    case AttributionStatus::kUnknown: return "unknown";
  }
  return "";
}

std::string_view Name(WarningReason reason) {
  switch (reason) {
    case WarningReason::kGrowth: return "growth";
    case WarningReason::kLevel: return "level";
    case WarningReason::kPressure: return "pressure";
  }
  return "";
}

std::string_view Name(WarningOutcome outcome) {
  switch (outcome) {
    case WarningOutcome::kKilled: return "killed";
    case WarningOutcome::kReceded: return "receded";
    case WarningOutcome::kExpired: return "expired";
  }
  return "";
}

std::string MemcgChain::Path(size_t from_level) const {
  if (!complete || !named || from_level >= levels.size()) return "";
  std::string path;
  // Outermost first; the root itself has no name of its own.
  for (size_t i = levels.size() - 1; i-- > from_level;) {
    path += '/';
    path += levels[i].name;
  }
  return path.empty() ? "/" : path;
}

}  // namespace oomtrail::model
