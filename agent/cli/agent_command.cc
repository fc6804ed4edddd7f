#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "agent/attribute/attributor.h"
#include "agent/attribute/directory_refresher.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/event_loop.h"
#include "agent/cli/feed.h"
#include "agent/cli/name_sources.h"
#include "agent/cli/node.h"
#include "agent/cli/pipeline.h"
#include "agent/cli/start_report.h"
#include "agent/kernel/recording.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "agent/publish/line_writer.h"

namespace oomtrail::cli {
namespace {

constexpr uint64_t kTickNs = 1'000'000'000;

// The agent's parts, in the order they are made; each knows only those above it.
class Agent {
 public:
  Agent(const AgentOptions& options, std::unique_ptr<EventLoop> loop,
        std::vector<std::unique_ptr<attribute::NameSource>> sources)
      : options_(options),
        log_(options.log_format),
        sources_(std::move(sources)),
        output_(STDOUT_FILENO),
        loop_(std::move(loop)) {}

  absl::Status Open();
  absl::Status Run();

 private:
  absl::Status OpenKernel();
  void OpenNames();
  absl::Status OpenPipeline();
  void Publish(const model::Event& event);
  void Tick();
  void FlushOutput();
  void Ask();
  void AskAgain();

  const AgentOptions& options_;
  const base::Log log_;
  const base::SystemClock clock_;
  std::vector<std::unique_ptr<attribute::NameSource>> sources_;
  publish::LineWriter output_;
  const std::unique_ptr<EventLoop> loop_;
  Node node_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<attribute::PodDirectory> directory_;
  base::UniqueFd names_changed_;
  std::unique_ptr<attribute::DirectoryRefresher> refresher_;
  std::unique_ptr<attribute::Attributor> attributor_;
  std::unique_ptr<Pipeline> pipeline_;
  bool told_broken_ = false;
  uint64_t waiting_ticks_ = 0;  // for names
};

absl::Status Agent::Open() {
  std::signal(SIGPIPE, SIG_IGN);
  const uint64_t started = clock_.BootNanos();
  RETURN_IF_ERROR(OpenKernel());
  const uint64_t armed = clock_.BootNanos();
  OpenNames();
  RETURN_IF_ERROR(OpenPipeline());
  // Loading the programs took several copies of the kernel's types: megabytes, never needed again.
  ::malloc_trim(0);
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
  for (auto& source : sources_) {
    log_.Info(base::StrCat("names: ", source->name(), " ", source->where()));
    refresher_->AddSource(std::move(source));
  }
  if (names.empty()) {
    log_.Info(
        "names: none (no runtime socket found, no --kubelet-url); events carry pod uid and "
        "container id only");
  }
  refresher_->Start();
}

absl::Status Agent::OpenPipeline() {
  attributor_ = std::make_unique<attribute::Attributor>(
      *directory_, clock_,
      attribute::Attributor::Node{
          .name = options_.node_name, .boot_id = node_.boot_id, .has_sources = !sources_.empty()});
  pipeline_ = std::make_unique<Pipeline>(
      *node_.index, *node_.resolver, *attributor_,
      Pipeline::Outputs{.publish = [this](const model::Event& event) { Publish(event); },
                        .ask_for_names = [this] { Ask(); }});
  feed_->Connect(*pipeline_);
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

void Agent::Publish(const model::Event& event) {
  output_.Write(options_.log_format == base::LogFormat::kJson ? publish::ToJson(event)
                                                              : publish::ToText(event));
}

void Agent::Tick() {
  feed_->Drain();
  feed_->ReportLosses();
  pipeline_->Amend();
  AskAgain();
  node_.index->Expire();
  FlushOutput();
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
void Agent::FlushOutput() {
  if (output_.has_backlog()) output_.Flush();
  if (output_.broken()) {
    if (!std::exchange(told_broken_, true)) {
      log_.Error("stdout is closed: events cannot be written any more");
    }
    return;
  }
  if (!output_.has_backlog()) pipeline_->OnLoss("log_backlog", output_.TakeDropped());
}

absl::Status Agent::Run() {
  feed_->Drain();  // what pinned hooks collected while no agent ran
  loop_->Run([this] { FlushOutput(); });
  refresher_->Stop();
  feed_->Drain();
  feed_->ReportLosses();
  FlushOutput();
  log_.Info("stopped");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<EventLoop>> OpenLoop() {
  ASSIGN_OR_RETURN(auto loop, EventLoop::Create());
  RETURN_IF_ERROR(loop->StopAtSignals());
  return loop;
}

}  // namespace

int RunAgent(const AgentOptions& options) {
  // One heap for the few threads: each of its own would keep what one listing once needed.
  ::mallopt(M_ARENA_MAX, 1);
  // And what is large goes back at once: by default a first large listing raises the bound to 32
  // MiB.
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  // Before the sources: gRPC starts threads, and a thread that does not block SIGTERM dies of it.
  auto loop = OpenLoop();
  if (!loop.ok()) {
    std::cerr << "oomtrail: " << loop.status().message() << '\n';
    return kExitFailed;
  }
  auto sources = MakeNameSources(options);
  if (!sources.ok()) {
    std::cerr << "oomtrail: " << sources.status().message() << '\n';
    return kExitUsage;
  }
  Agent agent(options, *std::move(loop), *std::move(sources));
  absl::Status status = agent.Open();
  if (status.ok()) status = agent.Run();
  if (status.ok()) return kExitOk;
  std::cerr << "oomtrail: " << status.message() << '\n';
  return kExitFailed;
}

}  // namespace oomtrail::cli
