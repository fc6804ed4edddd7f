#include "tests/scenarios/world.h"

#include <csignal>
#include <cstdio>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/scenarios/victims.h"

namespace oomtrail::scenarios {
namespace {

std::string Replaced(std::string text, char from, char to) {
  for (char& c : text) c = c == from ? to : c;
  return text;
}

}  // namespace

// Unique in a run, and the same from run to run.
std::string World::Uuid() {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-0a0b-4c0d-8e0f-%012x", number_, ++made_);
  return text;
}

std::string World::ContainerId() {
  char text[80];
  std::snprintf(text, sizeof text, "%08x%056x", number_, ++made_);
  return text;
}

absl::StatusOr<Place> World::MakePod(const PodPlan& plan) {
  Place place;
  place.identity.qos = plan.qos;
  place.identity.pod_uid = Uuid();
  const std::string& uid = place.identity.pod_uid;
  const bool guaranteed = plan.qos == "guaranteed";
  std::string path;
  if (plan.driver == Driver::kCgroupfs) {
    path = base::StrCat(tree_.top(), "/kubepods", guaranteed ? "" : "/" + plan.qos, "/pod", uid);
  } else {
    // Every slice repeats those above it.
    std::string slice = std::string(base::StripSuffix(tree_.top_slice(), ".slice")).substr(1);
    path = tree_.top_slice();
    std::vector<std::string> words = {"kubepods"};
    if (!guaranteed) words.push_back(plan.qos);
    words.push_back("pod" + Replaced(uid, '-', '_'));
    for (const std::string& word : words) {
      base::StrAppend(&slice, "-", word);
      base::StrAppend(&path, "/", slice, ".slice");
    }
  }
  ASSIGN_OR_RETURN(place.cgroup, tree_.Make(path));
  return place;
}

absl::StatusOr<Place> World::MakeContainer(const Place& pod) {
  Place place = pod;
  place.identity.container_id = ContainerId();
  std::string name = place.identity.container_id;
  if (pod.cgroup.path.ends_with(".slice")) {
    name = base::StrCat("cri-containerd-", name, ".scope");
    place.identity.runtime = "containerd";
  }
  ASSIGN_OR_RETURN(place.cgroup, tree_.Make(base::StrCat(pod.cgroup.path, "/", name)));
  return place;
}

absl::StatusOr<Place> World::MakeLimited(uint64_t bytes, const PodPlan& plan) {
  ASSIGN_OR_RETURN(const Place pod, MakePod(plan));
  ASSIGN_OR_RETURN(const Place place, MakeContainer(pod));
  RETURN_IF_ERROR(tree_.Limit(place.cgroup, bytes));
  return place;
}

absl::StatusOr<Place> World::MakeUnit(const std::string& unit) {
  Place place;
  place.identity.unit = unit;
  ASSIGN_OR_RETURN(place.cgroup, tree_.Make(base::StrCat(tree_.top(), "/system.slice/", unit)));
  return place;
}

absl::StatusOr<Cgroup> World::Above(const Place& place, int levels) {
  std::string path = place.cgroup.path;
  for (int i = 0; i < levels; ++i) path.resize(path.rfind('/'));
  return tree_.Make(path);
}

absl::StatusOr<Child*> World::Run(const Place& place, Plan plan) {
  plan.cgroup = place.cgroup;
  ASSIGN_OR_RETURN(Child* const child, children_.Spawn(std::move(plan)));
  child->Go();
  return child;
}

absl::Status World::RunNeighbour(const Place& place) {
  const auto idle = [](const Port& port) -> int {
    FillAnonymous(64 << 10);
    port.Say(0);
    WaitForever();
  };
  ASSIGN_OR_RETURN(Child* const child, Run(place, {.comm = "neighbour", .body = idle}));
  neighbours_.push_back(child);
  return AwaitWord(*child);
}

absl::Status World::Await(const std::string& what, const std::function<bool()>& done) {
  if (watch_.Until(done)) return absl::OkStatus();
  return absl::DeadlineExceededError("waited in vain for: " + what);
}

absl::Status World::AwaitKilled(const Child& child) {
  RETURN_IF_ERROR(Await(child.plan().comm + " to be killed", [&] { return child.ended(); }));
  if (child.ended_by(SIGKILL)) return absl::OkStatus();
  return absl::InternalError(child.plan().comm + " ended, and not by SIGKILL");
}

absl::Status World::AwaitWord(const Child& child, size_t count) {
  RETURN_IF_ERROR(Await(base::StrCat(child.plan().comm, " to say ", count, " words"),
                        [&] { return child.said().size() >= count || child.ended(); }));
  if (child.said().size() >= count) return absl::OkStatus();
  return absl::InternalError(child.plan().comm + " ended before its time");
}

ExpectedKill World::Expect(const Child& child, const Place& place, const Cgroup& owner,
                           uint64_t limit) {
  const Plan& plan = child.plan();
  ExpectedKill kill;
  kill.pid = child.pid();
  kill.tid = child.pid();
  kill.comm = plan.comm;
  kill.uid = plan.uid;
  kill.oom_score_adj = plan.oom_score_adj;
  kill.start_boot_ns = child.start_boot_ns();
  kill.place = place;
  kill.trigger =
      ExpectedTrigger{.pid = child.pid(), .comm = plan.comm, .cgroup_path = place.cgroup.path};
  kill.limit = ExpectedLimit{.owner = owner, .bytes = limit};
  return kill;
}

absl::Status World::CheckNeighbours() const {
  for (const Child* child : neighbours_) {
    if (child->ended()) return absl::InternalError("a neighbour died that nothing should kill");
  }
  return absl::OkStatus();
}

}  // namespace oomtrail::scenarios
