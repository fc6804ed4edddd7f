// The attribute stage: a resolved kill in, an event with the names of its pod and container out.
//
// Owned and called by one thread. Waits for nothing: an event goes out with what is proven and
// known, and Amend() gives it again, one revision up, when a source has told more. After
// kDeadlineNs it stays as it is.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/forecast/watched.h"
#include "agent/model/event.h"
#include "agent/resolve/resolved_kill.h"

namespace oomtrail::attribute {

class Attributor {
 public:
  static constexpr uint64_t kDeadlineNs = 30ULL * 1'000'000'000;
  static constexpr size_t kMaxPending = 1024;
  static constexpr size_t kMaxStanding = 1024;  // warnings without an outcome yet

  struct Node {
    std::string name;
    std::string boot_id;       // of /proc/sys/kernel/random/boot_id: makes ids unique across boots
    bool has_sources = false;  // somebody may bring names
    int cgroup_version = 0;    // of the memory hierarchy, for warnings; a kill has its own
  };

  Attributor(const PodDirectory& directory, const base::Clock& clock, Node node)
      : directory_(directory), clock_(clock), node_(std::move(node)) {}

  // `warned`: what the lookout says of it, where there is one.
  model::Event Attribute(const resolve::ResolvedKill& resolved,
                         std::optional<model::Warned> warned = std::nullopt);
  model::Event Attribute(const resolve::ResolvedOom& resolved);
  // A warning, or its outcome. That is an amendment of the warning as it was last told, names
  // included, and one revision up from there.
  model::Event Attribute(const forecast::Notice& notice);
  model::Event Lost(std::string_view stage, uint64_t count) const;

  // A source has turned up where there was none.
  void ExpectNames() { node_.has_sources = true; }

  // Whether an event waits for what a source may tell: somebody should ask.
  bool wants_names() const { return !pending_.empty(); }

  // The waiting events of which more is known by now.
  std::vector<model::Event> Amend();

  // Kills and OOMs that stayed without names, by reason.
  const std::map<std::string, uint64_t>& unattributed() const { return unattributed_; }

 private:
  struct Pending {
    model::Event event;
    uint64_t since_ns;
  };

  std::string Id(std::string_view what) const;
  std::string WarningId(std::string id) const;
  void Stamp(model::Event& event, uint64_t boot_ns) const;
  // Returns whether a source may have more to tell.
  bool AddNames(model::Event& event) const;
  void Await(const model::Event& event);
  void GiveUp(const model::Event& event, const char* reason);
  void AddNamesOrAwait(model::Event& event);
  model::Event WarningOf(const forecast::Notice& notice) const;

  const PodDirectory& directory_;
  const base::Clock& clock_;
  Node node_;
  std::deque<Pending> pending_;
  std::map<std::string, model::Event> standing_;  // by id: warnings as they were last told
  std::map<std::string, uint64_t> unattributed_;
};

}  // namespace oomtrail::attribute
