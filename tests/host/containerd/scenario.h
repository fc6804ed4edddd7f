// The table of scenarios: what is brought about on the node, and what the agent must then say.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tests/host/containerd/agent.h"
#include "tests/host/containerd/expect.h"
#include "tests/host/containerd/kubelet.h"
#include "tests/host/containerd/node.h"

namespace oomtrail::containerd {

// What a scenario is made with. Its pods are removed when it has ended.
struct Stage {
  Node& node;
  Kubelet& kubelet;
  Agent& agent;
  const KernelLog& log;
  Witnesses witnesses;
  // Another agent beside `agent`, with the same sources.
  std::function<absl::StatusOr<std::unique_ptr<Agent>>()> start_agent;

  // A kill that was brought about: it happened, and the agent names it so.
  absl::Status Expect(const Killed& killed, const Naming& naming) const;
  // The victim is told to grow; then as Expect().
  absl::Status Kill(const Killed& killed, const Naming& naming) const;
};

// Whom the agent asks for names.
enum class Sources { kRuntime, kKubelet, kBoth, kAuto };

struct Scenario {
  std::string_view name;
  Sources sources = Sources::kRuntime;
  absl::Status (*run)(Stage&) = nullptr;
};

std::vector<Scenario> RuntimeScenarios();
// A container that is gone, or a runtime that is away.
std::vector<Scenario> AbsenceScenarios();
std::vector<Scenario> KubeletScenarios();

}  // namespace oomtrail::containerd
