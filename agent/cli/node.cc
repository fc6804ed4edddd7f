#include "agent/cli/node.h"

#include <utility>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/resolve/cgroup_mount.h"

namespace oomtrail::cli {
namespace {

// More cgroups than the index holds are found one by one, by their handles.
absl::Status WalkAll(resolve::CgroupIndex& index) {
  const absl::Status walked = index.Walk();
  return absl::IsResourceExhausted(walked) ? absl::OkStatus() : walked;
}

}  // namespace

absl::StatusOr<Node> OpenNode(const AgentOptions& options, const base::Clock& clock) {
  Node node;
  ASSIGN_OR_RETURN(auto mount, resolve::FindMemoryCgroups(options.cgroup_root, options.proc_root));
  if (auto boot_id = base::ReadFile(options.proc_root + "/sys/kernel/random/boot_id", 64);
      boot_id.ok()) {
    node.boot_id = std::string(base::StripSuffix(*boot_id, "\n"));
  }
  node.security = kernel::ProbeNodeSecurity();
  node.index = std::make_unique<resolve::CgroupIndex>(mount, clock);
  node.resolver = std::make_unique<resolve::Resolver>(*node.index, options.proc_root);
  RETURN_IF_ERROR(WalkAll(*node.index));
  // Before the hooks are armed: a kill that comes after it is news by its count.
  node.resolver->TakeBaseline();
  if (options.hook_method != model::HookMethod::kKmsg) {
    node.features = kernel::ProbeKernelFeatures();
    auto hooks = kernel::Hooks::Attach(node.features, {.only = options.hook_method,
                                                       .memory_hierarchy = mount.hierarchy,
                                                       .pin_dir = options.pin_dir});
    if (hooks.ok()) {
      node.hooks = *std::move(hooks);
      // What was made between the first walk and the hooks.
      RETURN_IF_ERROR(WalkAll(*node.index));
    } else {
      node.hooks_error = hooks.status();
    }
  }
  return node;
}

}  // namespace oomtrail::cli
