// Where the container runtime listens. Thread-safe; reads the file system, connects to nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oomtrail::attribute {

// The runtimes' usual sockets that are there below `root` (empty, or where the host's root is
// mounted), best first; each once, however many names lead to it.
std::vector<std::string> DetectCriEndpoints(const std::string& root);

// The path of --cri-endpoint's value, "unix:///path" or "/path". The error is one line and names
// the remedy.
absl::StatusOr<std::string> ParseCriEndpoint(std::string_view flag);

// Whether a socket is at `path`; what is there instead, and the remedy, if not.
absl::Status CheckCriEndpoint(const std::string& path);

}  // namespace oomtrail::attribute
