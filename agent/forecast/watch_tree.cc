#include "agent/forecast/watch_tree.h"

#include <string_view>
#include <utility>

namespace oomtrail::forecast {
namespace {

// "/a/b" → "/a"; nothing above a top-level cgroup.
std::string_view Above(std::string_view path) { return path.substr(0, path.rfind('/')); }

bool IsContainersOwn(const Member& member) {
  if (member.cgroup.identity.level != model::Level::kContainer) return false;
  return member.parent == nullptr ||
         member.parent->cgroup.identity.container_id != member.cgroup.identity.container_id;
}

}  // namespace

bool IsBelow(const Member& member, const Member& above) {
  for (const Member* at = &member; at != nullptr; at = at->parent) {
    if (at == &above) return true;
  }
  return false;
}

void WatchTree::Set(uint64_t boot_ns, std::vector<WatchedCgroup> cgroups,
                    const std::function<void(Member&)>& gone) {
  ++round_;
  unseen_ = 0;
  for (WatchedCgroup& cgroup : cgroups) {
    if (!cgroup.id.known()) continue;
    if (const auto found = by_id_.find(cgroup.id); found != by_id_.end()) {
      found->second->cgroup = std::move(cgroup);
      found->second->round = round_;
    } else if (members_.size() < kMaxMembers) {
      auto& member = members_.emplace_back(std::make_unique<Member>());
      member->cgroup = std::move(cgroup);
      member->first_ns = boot_ns;
      member->due_ns = boot_ns;
      member->round = round_;
      by_id_.emplace(member->cgroup.id, member.get());
    } else {
      ++unseen_;
    }
  }
  for (const auto& member : members_) {
    if (member->round == round_) continue;
    gone(*member);
    by_id_.erase(member->cgroup.id);
    if (member->target != nullptr) --targets_;
  }
  std::erase_if(members_, [this](const auto& member) { return member->round != round_; });
  Link();
}

void WatchTree::Link() {
  absl::flat_hash_map<std::string_view, Member*> by_path;
  by_path.reserve(members_.size());
  for (const auto& member : members_) by_path.emplace(member->cgroup.path, member.get());
  for (const auto& member : members_) {
    const auto found = by_path.find(Above(member->cgroup.path));
    // The root is above all and a path of its own, "/".
    member->parent =
        found == by_path.end() || found->second == member.get() ? nullptr : found->second;
  }
  for (const auto& member : members_) member->container = IsContainersOwn(*member);
}

bool WatchTree::Watch(Member& member) {
  if (member.target != nullptr) return true;
  if (targets_ >= kMaxTargets) return false;
  member.target = std::make_unique<Target>();
  ++targets_;
  return true;
}

Member* WatchTree::Find(model::CgroupId id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

}  // namespace oomtrail::forecast
