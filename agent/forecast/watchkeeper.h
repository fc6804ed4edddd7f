// Decides what is read and when, forecasts each limit, and warns: the lookout without its thread
// and its files. Time and readings come in as values.
//
// Owned and called by one thread. A pass is Due(), Near(), Judge(), in this order, with what each
// asked for read in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/forecast/near_files.h"
#include "agent/forecast/usage_reader.h"
#include "agent/forecast/warning_ledger.h"
#include "agent/forecast/watch_tree.h"
#include "agent/forecast/watched.h"

namespace oomtrail::forecast {

// Of the node itself, at each pass; absent where it cannot be read.
struct NodeReading {
  std::optional<Usage> usage;
  std::optional<double> stalled_share;
};

class Watchkeeper {
 public:
  // Readings of memory.stat in a pass: of those that are most urgent, in turn.
  static constexpr size_t kMaxWorkingSets = 64;

  // `max_near`: how many may have their files held open.
  Watchkeeper(WarnRule rule, WarningLedger& ledger, size_t max_near);

  // Returns those that are gone: whoever holds something for them may let go.
  std::vector<model::CgroupId> SetCgroups(uint64_t boot_ns, std::vector<WatchedCgroup> cgroups);
  void SetRules(WarnRules rules);
  void OnKill(const KillSeen& kill);
  // A task in it waits for memory: it is due at once.
  void Hasten(model::CgroupId id);

  // Whose usage to read now.
  void Due(uint64_t boot_ns, std::vector<UsageQuestion>& questions);
  // Who is near its limit, the most urgent first. `usages` answers Due()'s questions.
  void Near(uint64_t boot_ns, std::span<const std::optional<Usage>> usages,
            std::vector<NearQuestion>& questions);
  // `readings` answers Near()'s questions.
  void Judge(uint64_t boot_ns, std::span<const NearReading> readings, const NodeReading& node);

  std::vector<CgroupTrend> Trends() const;
  size_t targets() const { return tree_.targets(); }
  size_t left_out() const { return left_out_; }

 private:
  struct Urgent {
    double urgency;
    Member* member;
  };

  void NoteUsage(uint64_t boot_ns, Member& member, const std::optional<Usage>& usage);
  void AskForWorkingSets(uint64_t boot_ns, std::vector<NearQuestion>& questions);
  void JudgeNode(uint64_t boot_ns, const NodeReading& node);
  void Step(uint64_t boot_ns, Target& target, const Member* owner);
  void Tell(uint64_t boot_ns, Target& target, const Member* owner, const model::Warning& warning);
  void End(uint64_t boot_ns, Target& target, const Member* owner);
  // The container at or below the owner (null: the node) that grew most.
  const Member* Grower(const Member* owner) const;
  WarnRule RuleOf(const model::CgroupIdentity& identity) const;
  CgroupTrend TrendOf(const Member& member) const;

  const WarnRule rule_;
  WarningLedger& ledger_;
  const size_t max_near_;
  WarnRules rules_;
  WatchTree tree_;
  Target node_;
  size_t left_out_ = 0;

  // Of the pass that is under way.
  std::vector<Member*> due_;
  std::vector<Urgent> near_;
  std::vector<Member*> asked_;  // by Near()'s questions
  std::vector<bool> asked_for_working_set_;
};

}  // namespace oomtrail::forecast
