#include "agent/cli/agent.h"

#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "agent/base/memory.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/start_report.h"
#include "agent/kernel/recording.h"

namespace oomtrail::cli {
namespace {

constexpr uint64_t kTickNs = 1'000'000'000;

bool IsUp(const attribute::SourceState& source) {
  return source.last_success_wall_ns.has_value() && source.failures_in_a_row == 0;
}

}  // namespace

Agent::Agent(const AgentOptions& options, const base::Clock& clock, const base::Log& log,
             std::unique_ptr<EventLoop> loop,
             std::vector<std::unique_ptr<attribute::NameSource>> sources,
             std::unique_ptr<EventOutputs> outputs)
    : options_(options),
      clock_(clock),
      log_(log),
      start_wall_ns_(clock.WallNanos()),
      sources_(std::move(sources)),
      loop_(std::move(loop)),
      outputs_(std::move(outputs)) {}

absl::Status Agent::Open(const ServingDoor& door) {
  const uint64_t started = clock_.BootNanos();
  RETURN_IF_ERROR(OpenKernel());
  const uint64_t armed = clock_.BootNanos();
  OpenNames();
  RETURN_IF_ERROR(OpenPipeline());
  RETURN_IF_ERROR(OpenDoor(door));
  // Loading the programs took several copies of the kernel's types: megabytes, never needed again.
  base::ReleaseStartupMemory();
  log_.Info(base::StrCat("armed in ", (armed - started) / 1'000'000, " ms: kills by ",
                         Name(feed_->method())));
  return absl::OkStatus();
}

absl::Status Agent::OpenKernel() {
  ASSIGN_OR_RETURN(node_, OpenNode(options_, clock_));
  // A forced method that is refused must not be replaced behind the user's back.
  const bool forced = options_.hook_method && *options_.hook_method != model::HookMethod::kKmsg;
  const resolve::CgroupMount& mount = node_.index->mount();
  log_.Info(base::StrCat("oomtrail ", OOMTRAIL_VERSION, " on node ", options_.node_name,
                         ", kernel ", node_.security.kernel_release, ", cgroup v", mount.version,
                         " at ", mount.directory));
  if (node_.hooks != nullptr) {
    LogHooks(log_, node_.hooks->reports(), !options_.pin_by_default);
  } else if (!node_.hooks_error.ok()) {
    if (absl::IsFailedPrecondition(node_.hooks_error) && node_.features.btf) {
      return node_.hooks_error;  // another agent holds the pins
    }
    log_.Warn(base::StrCat("no BPF hooks: ", node_.hooks_error.message()));
  }
  if (forced && !node_.sees_victims()) {
    return absl::UnavailableError(
        base::StrCat("--hook-method ", Name(*options_.hook_method),
                     " does not work on this node (see oomtrail doctor)"));
  }
  auto feed = Feed::Open(node_, log_, *loop_);
  if (!feed.ok()) {
    return base::Annotate(feed.status(), "no method to see OOM kills works (see oomtrail doctor)");
  }
  feed_ = *std::move(feed);
  if (feed_->method() == model::HookMethod::kKmsg && !options_.pin_dir.empty() &&
      !options_.pin_by_default) {
    log_.Warn(
        "not pinned: kills while no agent runs are not collected: the kernel log has no pins");
  }
  return absl::OkStatus();
}

void Agent::OpenNames() {
  std::vector<std::string> names;
  for (const auto& source : sources_) names.emplace_back(source->name());
  directory_ = std::make_unique<attribute::PodDirectory>(clock_, names);
  names_changed_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  refresher_ = std::make_unique<attribute::DirectoryRefresher>(
      *directory_, clock_, log_, [fd = names_changed_.get()](uint64_t) {
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t wrote = ::write(fd, &one, sizeof one);
      });
  for (auto& source : sources_) refresher_->AddSource(std::move(source));
  for (const attribute::SourceState& source : refresher_->States()) {
    log_.Info(base::StrCat("names: ", source.name, " ", source.where,
                           source.present ? "" : ": no runtime's socket is there yet"));
  }
  if (!refresher_->AnyPresent()) {
    log_.Info(
        "names: none (no runtime socket found, no --kubelet-url); events carry pod uid and "
        "container id only");
  }
  refresher_->Start();
}

absl::Status Agent::OpenPipeline() {
  attributor_ = std::make_unique<attribute::Attributor>(
      *directory_, clock_,
      attribute::Attributor::Node{.name = options_.node_name,
                                  .boot_id = node_.boot_id,
                                  .cgroup_version = node_.index->mount().version});
  NoteSources();
  forewarning_ = std::make_unique<Forewarning>(options_, node_, *directory_, clock_, log_);
  pipeline_ = std::make_unique<Pipeline>(
      *node_.index, *node_.resolver, *attributor_,
      Pipeline::Outputs{
          .publish =
              [this](model::Event event) {
                outputs_->Publish(std::move(event));
                NoteUnattributed();
              },
          .ask_for_names = [this] { Ask(); },
          .was_warned =
              [this](const resolve::ResolvedKill& kill) { return forewarning_->OnKill(kill); }});
  RETURN_IF_ERROR(forewarning_->Open(
      *loop_, [this](const forecast::Notice& notice) { pipeline_->OnNotice(notice); }));
  feed_->Connect(*pipeline_);
  const journal::JournalState journal = outputs_->stream().journal().state();
  log_.Info(base::StrCat("journal: ", journal.directory.empty() ? "in memory" : journal.directory,
                         ", ", journal.events, " events from before"));
  if (!options_.record_file.empty()) {
    kernel::RecordingHeader header;
    header.node = options_.node_name;
    header.boot_id = node_.boot_id;
    header.wall_minus_boot_ns = clock_.WallNanos() - static_cast<int64_t>(clock_.BootNanos());
    header.memory_hierarchy = node_.index->mount().hierarchy;
    ASSIGN_OR_RETURN(auto recording, kernel::RecordingWriter::Create(options_.record_file, header));
    feed_->RecordTo(std::move(recording));
  }
  RETURN_IF_ERROR(loop_->Watch(names_changed_.get(), [this] {
    uint64_t changes = 0;
    if (::read(names_changed_.get(), &changes, sizeof changes) > 0) pipeline_->Amend();
  }));
  return loop_->Every(kTickNs, [this] { Tick(); });
}

absl::Status Agent::OpenDoor(const ServingDoor& door) {
  ticked_ns_ = clock_.BootNanos();
  const Served served{.stream = outputs_->stream(),
                      .directory = *directory_,
                      .clock = clock_,
                      .log = log_,
                      .status =
                          [this] {
                            publish::NodeStatus status = Status();
                            forewarning_->Fill(status);
                            return status;
                          },
                      .usage = [this] { return forewarning_->Usage(); },
                      .set_tracking =
                          [this](const kernel::TrackingOptions& options, uint32_t seconds) {
                            return forewarning_->SetTracking(options, seconds);
                          },
                      .metrics = [this] { return RenderMetrics(); },
                      .alive = [this] { return Alive(); },
                      .ready = [this] { return Ready(); },
                      .config = Describe(options_)};
  auto serving = door.open(options_.serving, served);
  if (!serving.ok()) {
    if (!options_.serving.listen_by_default) return serving.status();
    log_.Warn(base::StrCat("no gRPC client is served: ", serving.status().message(),
                           " (another --listen, or none?)"));
    ServingFlags without = options_.serving;
    without.listen.clear();
    serving = door.open(without, served);
    RETURN_IF_ERROR(serving.status());
  }
  serving_ = *std::move(serving);
  for (const std::string& address : serving_->addresses()) {
    log_.Info(base::StrCat("serving ", address));
  }
  return absl::OkStatus();
}

// What was not there before may have come.
void Agent::NoteSources() {
  if (has_sources_ || !refresher_->AnyPresent()) return;
  has_sources_ = true;
  attributor_->ExpectNames();
  outputs_->metrics().ExpectNames();
}

void Agent::Tick() {
  ticked_ns_ = clock_.BootNanos();
  NoteSources();
  feed_->Drain();
  feed_->ReportLosses();
  pipeline_->Amend();
  AskAgain();
  node_.index->Expire();
  forewarning_->Tick();
  TellMetricsOfContainers();
  outputs_->Tick();
  FlushOutput();
  NoteUnattributed();
}

void Agent::NoteUnattributed() {
  const base::MutexLock lock(mutex_);
  unattributed_ = attributor_->unattributed();
}

// What is new is asked for again as eagerly as what has waited was at first.
void Agent::Ask() {
  waiting_ticks_ = 0;
  refresher_->Request();
}

// A source that did not know, or did not answer, may by now: the kubelet lags by a second. After 1,
// 2, 4, 8 and 16 s, for a container that no source will ever know must not keep them busy.
void Agent::AskAgain() {
  if (!attributor_->wants_names()) {
    waiting_ticks_ = 0;
  } else if (std::has_single_bit(++waiting_ticks_)) {
    refresher_->Request();
  }
}

// Writes what is held back, and then tells what had to be dropped meanwhile.
void Agent::FlushOutput() { pipeline_->OnLoss("log_backlog", outputs_->Flush()); }

publish::NodeStatus Agent::Status() const {
  publish::NodeStatus status{.node = options_.node_name,
                             .version = OOMTRAIL_VERSION,
                             .kernel = node_.security.kernel_release,
                             .cgroup_version = node_.index->mount().version,
                             .start_wall_ns = start_wall_ns_,
                             .sources = refresher_->States(),
                             .containers = directory_->Counts().containers};
  std::erase_if(status.sources,
                [](const attribute::SourceState& source) { return !source.present; });
  if (node_.hooks != nullptr) status.hooks = node_.hooks->reports();
  // Where no program sees victims, the kernel log does.
  for (kernel::HookReport& report : status.hooks) {
    if (report.hook == kernel::Hook::kVictim && !report.chosen) report.chosen = feed_->method();
  }
  const auto totals = outputs_->totals();
  status.events = totals.events;
  status.losses = totals.losses;
  const base::MutexLock lock(mutex_);
  status.unattributed = unattributed_;
  return status;
}

std::string Agent::RenderMetrics() const {
  const publish::NodeStatus status = Status();
  const publish::Stream& stream = outputs_->stream();
  const journal::JournalState journal = stream.journal().state();
  constexpr double kNanosPerSecond = 1e9;
  publish::Gauges gauges{
      .version = OOMTRAIL_VERSION,
      .start_time_seconds = static_cast<double>(start_wall_ns_) / kNanosPerSecond,
      .subscribers = stream.subscribers(),
      .containers = status.containers,
      .journal = {{.events = journal.events,
                   .bytes = journal.bytes,
                   .unwritten_events = journal.unwritten}}};
  for (const kernel::HookReport& report : status.hooks) {
    gauges.hooks.push_back({.hook = std::string(Name(report.hook)),
                            .method = report.chosen ? std::string(Name(*report.chosen)) : ""});
  }
  for (const attribute::SourceState& source : status.sources) {
    gauges.name_sources.push_back({.source = source.name, .up = IsUp(source)});
  }
  forewarning_->Fill(gauges);
  return outputs_->metrics().Render(gauges);
}

// What is listed has its series before anything happens to it.
void Agent::TellMetricsOfContainers() {
  const uint64_t generation = directory_->Counts().generation;
  if (std::exchange(metrics_generation_, generation) == generation) return;
  std::vector<publish::ContainerName> names;
  for (const attribute::FoundContainer& found : directory_->Listed()) {
    if (found.sandbox || found.gone) continue;
    names.push_back({.ns = found.pod.ns, .pod = found.pod.name, .container = found.facts.name});
  }
  outputs_->metrics().SetContainers(std::move(names));
}

// The loop turns every second, whatever happens: if it has not for so long, it hangs.
bool Agent::Alive() const {
  constexpr uint64_t kHungNs = 30 * kTickNs;
  return clock_.BootNanos() - ticked_ns_ < kHungNs;
}

bool Agent::Ready() const {
  if (!refresher_->AnyPresent()) return true;
  const auto sources = refresher_->States();
  return std::ranges::any_of(sources, [](const attribute::SourceState& source) {
    return source.last_success_wall_ns.has_value();
  });
}

void Agent::Run() {
  feed_->Drain();  // what pinned hooks collected while no agent ran
  loop_->Run([this] { FlushOutput(); });
  serving_.reset();
  refresher_->Stop();
  feed_->Drain();
  feed_->ReportLosses();
  FlushOutput();
  log_.Info("stopped");
}

}  // namespace oomtrail::cli
