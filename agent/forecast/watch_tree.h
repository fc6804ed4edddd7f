// The cgroups that are alive, as the lookout knows them: who is below whom, which are containers,
// and which are watched.
//
// Owned and called by one thread. Members do not move while they live.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/forecast/target.h"
#include "agent/forecast/watched.h"
#include "agent/model/ids.h"

namespace oomtrail::forecast {

struct Member {
  WatchedCgroup cgroup;
  Member* parent = nullptr;
  bool container = false;  // the container's own cgroup, not one that it made inside
  uint64_t first_ns = 0;
  uint64_t due_ns = 0;
  bool wanted = false;             // to be watched, if there is room
  uint32_t round = 0;              // the last list that had it
  std::unique_ptr<Target> target;  // null: not watched, but for whether it gets a limit
};

class WatchTree {
 public:
  // More cgroups than this are not looked at, …
  static constexpr size_t kMaxMembers = 16'384;
  // … and of those no more than this are watched.
  static constexpr size_t kMaxTargets = 4096;

  // The complete list. `gone` is called for each member that is not in it, before it goes.
  void Set(uint64_t boot_ns, std::vector<WatchedCgroup> cgroups,
           const std::function<void(Member&)>& gone);

  // Makes it a target; false where there are too many.
  bool Watch(Member& member);

  Member* Find(model::CgroupId id);
  const std::vector<std::unique_ptr<Member>>& members() const { return members_; }
  size_t targets() const { return targets_; }
  // Beyond the bounds, of the last list.
  size_t unseen() const { return unseen_; }

 private:
  void Link();

  std::vector<std::unique_ptr<Member>> members_;
  absl::flat_hash_map<model::CgroupId, Member*> by_id_;
  size_t targets_ = 0;
  size_t unseen_ = 0;
  uint32_t round_ = 0;
};

// Whether `member` is `above` or below it.
bool IsBelow(const Member& member, const Member& above);

}  // namespace oomtrail::forecast
