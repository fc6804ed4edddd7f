// Runs the table of scenarios against a real containerd and a kubelet; containerd.sh makes the
// scratch directory that it takes, and clears up behind it however it ends.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "tests/host/containerd/scenario.h"

namespace oomtrail::containerd {
namespace {

constexpr const char* kUsage =
    "usage: containerd-test AGENT KUBELET.PY SCRATCH TOP [PART-OF-A-NAME]\n";

struct Options {
  std::string agent;
  std::string kubelet_script;
  std::string scratch;
  std::string top;
  std::string only;
};

class Runner {
 public:
  explicit Runner(Options options) : options_(std::move(options)) {}

  absl::Status Open() {
    ASSIGN_OR_RETURN(log_, KernelLog::Open(watch_));
    ASSIGN_OR_RETURN(node_, Node::Start(watch_, options_.scratch, options_.top));
    ASSIGN_OR_RETURN(
        kubelet_, Kubelet::Start(watch_, options_.kubelet_script, options_.scratch + "/kubelet"));
    return absl::OkStatus();
  }

  void RunAll(const std::vector<Scenario>& scenarios) {
    for (const Scenario& scenario : scenarios) {
      if (!base::StrContains(scenario.name, options_.only)) continue;
      if (agent_ != nullptr && sources_ != scenario.sources) StopAgent();
      const auto began = std::chrono::steady_clock::now();
      absl::Status status = RunOne(scenario);
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - began);
      Tell(status, scenario.name, took.count());
    }
    if (agent_ != nullptr) StopAgent();
  }

  int failed() const { return failed_; }
  void PrintTotal() const { std::printf("%d passed, %d failed\n", passed_, failed_); }

 private:
  std::vector<std::string> Flags(Sources sources) const {
    const std::string socket = base::StrCat("unix://", node_->runtime().socket());
    if (sources == Sources::kRuntime) return {"--cri-endpoint", socket};
    if (sources == Sources::kAuto) return {};
    std::vector<std::string> flags = kubelet_->Flags();
    // Both: the socket is found at its usual place.
    flags.insert(flags.end(), {"--cri-endpoint", sources == Sources::kBoth ? "auto" : "none"});
    return flags;
  }

  absl::StatusOr<std::unique_ptr<Agent>> StartAgent() {
    return Agent::Start(watch_, options_.agent, Flags(sources_));
  }

  absl::Status RunOne(const Scenario& scenario) {
    if (agent_ == nullptr) {
      sources_ = scenario.sources;
      ASSIGN_OR_RETURN(agent_, StartAgent());
    }
    Stage stage{.node = *node_,
                .kubelet = *kubelet_,
                .agent = *agent_,
                .log = *log_,
                .witnesses = {.watch = watch_, .node = *node_, .log = *log_},
                .start_agent = [this] { return StartAgent(); }};
    absl::Status status = scenario.run(stage);
    agent_->Resume();
    const absl::Status cleared = ClearUp();
    if (status.ok()) status = cleared;
    if (!status.ok()) return status;
    const auto unexpected = agent_->Unexpected(options_.top);
    if (unexpected.empty()) return absl::OkStatus();
    return absl::InternalError(base::StrJoin(unexpected, "\n        "));
  }

  // For the next scenario, however the last one ended.
  absl::Status ClearUp() {
    if (!node_->runtime().running()) RETURN_IF_ERROR(node_->runtime().Start());
    RETURN_IF_ERROR(kubelet_->Behave("ok"));
    RETURN_IF_ERROR(kubelet_->Trust(true));
    RETURN_IF_ERROR(kubelet_->Authorize(true));
    return node_->RemovePods();
  }

  // What came after its scenario counts too, and so does the agent's end.
  void StopAgent() {
    absl::Status status = agent_->Stop();
    const auto unexpected = agent_->Unexpected(options_.top);
    if (status.ok() && !unexpected.empty()) {
      status = absl::InternalError(base::StrJoin(unexpected, "\n        "));
    }
    Tell(status, "agent ends, nothing left unsaid", 0);
    agent_.reset();
  }

  void Tell(const absl::Status& status, std::string_view name, long took_ms) {
    ++(status.ok() ? passed_ : failed_);
    std::printf("%s %-34s %6ld ms\n", status.ok() ? "PASS" : "FAIL", std::string(name).c_str(),
                took_ms);
    if (!status.ok()) std::printf("        %s\n", std::string(status.message()).c_str());
    std::fflush(stdout);
  }

  const Options options_;
  Watch watch_;
  std::unique_ptr<KernelLog> log_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Kubelet> kubelet_;
  Sources sources_ = Sources::kRuntime;
  std::unique_ptr<Agent> agent_;
  int passed_ = 0;
  int failed_ = 0;
};

int Main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Runner runner({.agent = argv[1],
                 .kubelet_script = argv[2],
                 .scratch = argv[3],
                 .top = argv[4],
                 .only = argc > 5 ? argv[5] : ""});
  if (const absl::Status opened = runner.Open(); !opened.ok()) {
    std::fprintf(stderr, "%s\n", std::string(opened.message()).c_str());
    return 1;
  }
  for (const auto& scenarios : {RuntimeScenarios(), AbsenceScenarios(), KubeletScenarios()}) {
    runner.RunAll(scenarios);
  }
  runner.PrintTotal();
  return runner.failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace oomtrail::containerd

int main(int argc, char** argv) { return oomtrail::containerd::Main(argc, argv); }
