// Bounded reads of small files. Everything that is read is untrusted in size and content.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace oomtrail::base {

// The whole file, or RESOURCE_EXHAUSTED if it holds more than `max_bytes`. Works for files whose
// size is not known beforehand (procfs, cgroupfs). Paths are opened O_CLOEXEC.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

// As ReadFile, the path taken relative to the directory `dir_fd`.
absl::StatusOr<std::string> ReadFileAt(int dir_fd, const std::string& path, size_t max_bytes);

}  // namespace oomtrail::base
