// What each way to see a kill can know of it: data, and the one place where it is written down.
//
// The scenarios assert it both ways: what is known must be there and right, what is not must be
// absent and named in attribution.missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/scenarios/features.h"

namespace oomtrail::scenarios {

enum class Method { kFentry, kKprobe, kTpBtf, kTracepoint, kKmsg };
inline constexpr Method kMethods[] = {Method::kFentry, Method::kKprobe, Method::kTpBtf,
                                      Method::kTracepoint, Method::kKmsg};
std::string_view Name(Method method);
std::optional<Method> ParseMethod(std::string_view name);

enum class Fact {
  kVictimPid,
  kVictimComm,
  kVictimUid,
  kVictimScoreAdj,
  kVictimStart,
  kVictimRss,
  kVictimSizes,
  kCgroupPath,
  kCgroupId,
  kTrigger,
  kTriggerCgroup,
  kScope,
  kLimit,
  kConstraint,
  kOrderGfp,
  kGroupKill,
  kGroupIncident,
  kOomWithoutKill,
};
inline constexpr size_t kFactCount = 18;

enum class Known {
  kUnknown,
  kLate,      // asked from /proc after the kill: right where there is an answer, else absent
  kInferred,  // from counters, and said to be (scope_inferred)
  kExact,     // read at the kill
};
std::string_view Name(Known known);

// What a record holds, which is what knowledge depends on.
enum class Shape {
  kWithContext,  // __oom_kill_process: the task, and oom_control from the call above it
  kLeaderGone,  // the same, and the task is a leader that has exited: other threads have the memory
  kTask,        // mark_victim with the task, or where the victim triggered its own OOM
  kSizes,       // the tracepoint's pid, comm and sizes
  kPid,         // a pid alone
  kLog,         // "Killed process" with its header
  kLogMember,   // a further member of a group kill in the log
  kLogBare,     // "Killed process" whose header was rate-limited away
};
inline constexpr size_t kShapeCount = 8;
// As a heading of the table in docs/kernel-support.md.
std::string_view Name(Shape shape);

// What decides the shape besides the method.
struct Situation {
  bool own_trigger = true;    // the victim's own allocation began the OOM
  bool leader_gone = false;   // the victim's first thread has exited
  bool log_header = true;     // the kernel log holds the header of this kill
  bool group_member = false;  // a group kill's victim after the first
};

struct FactRow {
  Fact fact;
  std::string_view label;                 // for the table in docs/kernel-support.md
  std::vector<std::string_view> missing;  // its names in attribution.missing
  Known known[kShapeCount];
};
const std::vector<FactRow>& Facts();
const FactRow& RowOf(Fact fact);

Shape ShapeOf(Method method, const Features& features, const Situation& situation);
Known Knows(Fact fact, Shape shape, const Features& features);

// Whether kills made while no agent runs are kept for the next one.
bool CanPin(Method method, const Features& features);

// The shapes that a method's records take on this kernel, the usual one first.
struct ShapeCase {
  std::string_view when;  // empty: usually
  Shape shape;
};
std::vector<ShapeCase> ShapesOf(Method method, const Features& features);

}  // namespace oomtrail::scenarios
