// The pin directory in bpffs: maps and links that keep collecting while no agent runs.
//
// Owned by Hooks. Holding a PinDirectory means holding its lock: one agent at a time reads a ring.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

struct bpf_link;

namespace oomtrail::kernel {

// Removes the pins of every layout below `parent`, and `parent`, whether or not an agent holds
// them: one that runs goes on seeing through its own descriptors, and its hooks end with it. The
// number of pins that were there; 0 where there is no `parent`. INVALID_ARGUMENT where it is not on
// a bpffs, or holds what no agent pins: then nothing was touched.
absl::StatusOr<size_t> RemovePins(const std::string& parent);

class PinDirectory {
 public:
  // Makes `parent`/<abi> where absent and locks it. INVALID_ARGUMENT where `parent` is not on a
  // bpffs, FAILED_PRECONDITION where another agent holds it.
  static absl::StatusOr<PinDirectory> Open(const std::string& parent);

  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

  // Pins the link in place of what has this name: the old one, if any, is let go only after the new
  // one stands, so no kill falls between the two.
  absl::Status ReplaceLink(bpf_link* link, const std::string& name) const;

  // Lets go of every pinned link that is not named in `keep`.
  void RemoveLinksExcept(const std::vector<std::string>& keep) const;

  // Lets go of everything: the maps of another layout.
  void RemoveAll() const;

 private:
  PinDirectory(std::string path, base::UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  base::UniqueFd lock_;
};

}  // namespace oomtrail::kernel
