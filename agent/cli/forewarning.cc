#include "agent/cli/forewarning.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/attribute/pod_wishes.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/resolve/path_grammar.h"

namespace oomtrail::cli {
namespace {

// As often as a cgroup without a limit is read.
constexpr uint64_t kTicksBetweenWalks = 10;

bool HearsOfCgroups(const Node& node) {
  return node.hooks != nullptr && node.hooks->report(kernel::Hook::kCgroups).chosen.has_value() &&
         !node.index->behind();
}

}  // namespace

Forewarning::Forewarning(const AgentOptions& options, const Node& node,
                         const attribute::PodDirectory& directory, const base::Clock& clock,
                         const base::Log& log)
    : options_(options),
      node_(node),
      directory_(directory),
      clock_(clock),
      log_(log),
      tracking_(options.track, Tracking::InTheKernel(node.features), clock, log) {}

absl::Status Forewarning::Open(EventLoop& loop,
                               std::function<void(const forecast::Notice&)> on_notice) {
  if (!options_.warn.on) return absl::OkStatus();
  on_notice_ = std::move(on_notice);
  woken_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!woken_.ok()) return base::ErrnoStatus(errno, "make an eventfd for warnings");
  RETURN_IF_ERROR(loop.Watch(woken_.get(), [this] { TellNotices(); }));
  ASSIGN_OR_RETURN(lookout_, forecast::Lookout::Start(
                                 {.mount = node_.index->mount(),
                                  .proc_root = options_.proc_root,
                                  .rule = options_.warn,
                                  .features = node_.features},
                                 clock_, log_, [fd = woken_.get()] { ::eventfd_write(fd, 1); }));
  Tick();
  const forecast::LookoutState state = lookout_->state();
  log_.Info(base::StrCat("warnings: memory is read by ", state.reader,
                         state.reader_reason.empty() ? "" : ": ", state.reader_reason));
  return absl::OkStatus();
}

void Forewarning::Tick() {
  if (lookout_ != nullptr && !HearsOfCgroups(node_) && ++ticks_ % kTicksBetweenWalks == 0) {
    // A node with more cgroups than there is room for has been told at the start.
    node_.index->Walk().IgnoreError();
  }
  const uint64_t directory = directory_.Counts().generation;
  const bool moved = index_generation_ != node_.index->generation();
  if (moved) TellCgroups();
  if (moved || directory_generation_ != directory) {
    directory_generation_ = directory;
    TellRules();
  }
  tracking_.Tick();
}

void Forewarning::TellCgroups() {
  index_generation_ = node_.index->generation();
  cgroups_.clear();
  std::vector<forecast::WatchedCgroup> alive;
  node_.index->ForEach([&](model::CgroupId id, const std::string& path) {
    forecast::WatchedCgroup cgroup{
        .id = id, .path = path, .identity = resolve::ParseCgroupPath(path)};
    if (cgroup.identity.container_id) {
      cgroups_[cgroup.identity.container_id->str()].push_back(id.value);
    }
    alive.push_back(std::move(cgroup));
  });
  if (lookout_ != nullptr) lookout_->SetCgroups(std::move(alive));
}

void Forewarning::TellRules() {
  forecast::WarnRules rules;
  std::vector<uint64_t> asking;
  absl::flat_hash_set<std::string> noted;
  for (const attribute::FoundContainer& found : directory_.Listed()) {
    if (found.wishes.empty()) continue;
    const attribute::PodRule rule = attribute::ReadWishes(found.wishes, options_.warn);
    NoteWrong(found, rule.wrong, noted);
    if (rule.warn != options_.warn) {
      rules[found.id.str()] = rule.warn;
      if (found.cgroup_uid) rules[found.cgroup_uid->str()] = rule.warn;
    }
    if (!rule.track) continue;
    if (const auto cgroups = cgroups_.find(found.id.str()); cgroups != cgroups_.end()) {
      asking.insert(asking.end(), cgroups->second.begin(), cgroups->second.end());
    }
  }
  noted_ = std::move(noted);
  if (lookout_ != nullptr) lookout_->SetRules(std::move(rules));
  tracking_.SetAsking(std::move(asking));
}

// One line a pod, however often it is listed.
void Forewarning::NoteWrong(const attribute::FoundContainer& found,
                            const std::vector<std::string>& wrong,
                            absl::flat_hash_set<std::string>& noted) {
  if (wrong.empty()) return;
  std::string pod = base::StrCat(found.pod.ns, "/", found.pod.name, "/", found.pod.uid);
  if (!noted_.contains(pod) && !noted.contains(pod)) {
    log_.Warn(base::StrCat("pod ", found.pod.ns, "/", found.pod.name,
                           ": an annotation is passed over: ", base::StrJoin(wrong, "; ")));
  }
  noted.insert(std::move(pod));
}

void Forewarning::TellNotices() {
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t read = ::read(woken_.get(), &wakes, sizeof wakes);
  for (const forecast::Notice& notice : lookout_->TakeNotices()) on_notice_(notice);
}

std::optional<model::Warned> Forewarning::OnKill(const resolve::ResolvedKill& resolved) {
  if (lookout_ == nullptr) return std::nullopt;
  const model::Kill& kill = resolved.kill;
  const auto owner = resolved.limit ? resolved.limit->id : std::nullopt;
  model::Warned warned =
      lookout_->OnKill(resolved.id, resolved.path, owner,
                       kill.boot_ns + static_cast<uint64_t>(kill.clock_offset_ns));
  // After the kill, which the loop is about to tell.
  ::eventfd_write(woken_.get(), 1);
  return warned;
}

publish::UsageReport Forewarning::Usage() const {
  publish::UsageReport report{.wall_ns = clock_.WallNanos(), .tracking_state = tracking_.state()};
  if (lookout_ != nullptr) report.trends = lookout_->Trends();
  report.tracking = tracking_.Read();
  return report;
}

void Forewarning::Fill(publish::NodeStatus& status) const {
  if (lookout_ != nullptr) status.lookout = lookout_->state();
  status.tracking = tracking_.state();
  status.tracked = tracking_.Read();
  status.tracked.processes.clear();
  status.tracked.cgroups.clear();
}

void Forewarning::Fill(publish::Gauges& gauges) const {
  if (lookout_ == nullptr) return;
  gauges.usage_reader = lookout_->state().reader;
  for (const forecast::CgroupTrend& trend : lookout_->Trends()) {
    if (!trend.cgroup.identity.container_id) continue;
    const auto found = directory_.Find(*trend.cgroup.identity.container_id);
    if (!found || found->sandbox) continue;
    gauges.trends.push_back({.name = {found->pod.ns, found->pod.name, found->facts.name},
                             .growth_bytes_per_second = trend.trend.growth_bytes_per_second,
                             .seconds_to_limit = trend.trend.seconds_to_limit});
  }
}

}  // namespace oomtrail::cli
