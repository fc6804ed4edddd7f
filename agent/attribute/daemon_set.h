// How far a DaemonSet is, asked of the API server from inside a pod: for who has to wait for every
// node. Not a name source; it is here for the bounded HTTPS exchange that the kubelet is asked by.
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/attribute/kubelet_url.h"

namespace oomtrail::attribute {

struct DaemonSetState {
  bool observed = false;  // its controller has seen it: the numbers are this one's
  uint32_t wanted = 0;    // nodes that are to have a pod of it
  uint32_t ready = 0;     // nodes that have one, and it is ready
};

// The API server as pods find it: `host` and `port` are the variables KUBERNETES_SERVICE_HOST and
// _PORT, `account_dir` has the files token and ca.crt. `name` is NAMESPACE/NAME. INVALID_ARGUMENT
// names what is wrong with them.
struct DaemonSetQuestion {
  KubeletUrl url;
  std::string account_dir;
};
absl::StatusOr<DaemonSetQuestion> AskFor(std::string_view name, std::string_view host,
                                         std::string_view port, std::string account_dir);

// Waits ten seconds at most.
absl::StatusOr<DaemonSetState> AskDaemonSet(const DaemonSetQuestion& question);

// The answer's body, which is untrusted: a number that is absent or no number is 0.
absl::StatusOr<DaemonSetState> ParseDaemonSet(std::string_view json);

}  // namespace oomtrail::attribute
