// The names of this node's containers and pods, as the sources last told them. Thread-safe.
//
// Readers take a snapshot and search it without a lock; a writer makes the next one beside it. What
// a source no longer lists stays for a while, marked gone: a container is asked for after it died.
// The number of entries is bounded; the longest gone make room first, and that is counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribute/name_source.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"

namespace oomtrail::attribute {

// What all sources together say of one container. The first source, in the order given to the
// directory, decides whose it is; the others fill in what that one does not know.
struct FoundContainer {
  model::ContainerId id;
  model::ContainerFacts facts;
  bool sandbox = false;
  model::PodFacts pod;
  std::optional<model::PodUid> cgroup_uid;
  bool gone = false;                 // no source lists it any more
  std::vector<std::string> sources;  // those that contributed
  Wishes wishes;                     // of its pod
  // Every source that answers has told of its pod: more will not come soon.
  bool complete = false;
};

struct FoundPod {
  model::PodFacts facts;
  bool gone = false;
  std::vector<std::string> sources;
};

struct DirectoryBounds {
  size_t max_containers = 20'000;  // and as many pods
  std::chrono::nanoseconds keep_gone = std::chrono::minutes(10);
};

struct DirectoryCounts {
  uint64_t generation = 0;  // raised by each update
  size_t containers = 0;    // listed, sandboxes too
  size_t pods = 0;
  size_t gone_containers = 0;
  size_t gone_pods = 0;
  uint64_t evicted = 0;  // gone, but let go before their time for want of room
  uint64_t refused = 0;  // listed, but not taken for want of room
};

class PodDirectory {
 public:
  // `sources`: the names of those that will call Update(), the most trusted first.
  explicit PodDirectory(const base::Clock& clock,
                        std::vector<std::string> sources = {"cri", "kubelet"},
                        DirectoryBounds bounds = {});
  ~PodDirectory();

  std::optional<FoundContainer> Find(const model::ContainerId& id) const;
  // By the uid that a cgroup path shows.
  std::optional<FoundPod> FindPod(const model::PodUid& cgroup_uid) const;
  // All containers that some source lists, sandboxes too, in no particular order.
  std::vector<FoundContainer> Listed() const;
  DirectoryCounts Counts() const;

  // The complete listing of `source`, in place of its last one. Returns the new generation.
  uint64_t Update(std::string_view source, Listing listing);

  // `source` does not answer: until its next Update(), nothing is incomplete for want of it.
  void NoteSilent(std::string_view source);

 private:
  struct Snapshot;

  struct Now {
    std::shared_ptr<const Snapshot> snapshot;
    std::vector<bool> silent;
  };

  Now Current() const;
  size_t RankOf(std::string_view source) const;  // sources_.size() if it is none of them

  const base::Clock& clock_;
  const std::vector<std::string> sources_;
  const DirectoryBounds bounds_;

  base::Mutex update_mutex_;  // held by the one writer, never by readers
  mutable base::Mutex mutex_;
  std::vector<bool> silent_ ABSL_GUARDED_BY(mutex_);  // by rank
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace oomtrail::attribute
