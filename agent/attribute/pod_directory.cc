#include "agent/attribute/pod_directory.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/attribute/merge_facts.h"

namespace oomtrail::attribute {
namespace {

using SharedPod = std::shared_ptr<const PodEntry>;

// What one source says: a pod, or the container at an index in it.
struct View {
  size_t rank = 0;  // of the source
  SharedPod pod;
  size_t container = 0;
  bool listed = false;  // still in that source's last listing
};

struct Record {
  std::vector<View> views;  // by rank, one a source
  uint64_t born = 0;        // generation
  std::optional<uint64_t> gone_ns;
};

void Put(View view, uint64_t generation, Record& record) {
  if (record.views.empty()) record.born = generation;
  const auto at = std::find_if(record.views.begin(), record.views.end(),
                               [&](const View& other) { return other.rank >= view.rank; });
  if (at != record.views.end() && at->rank == view.rank) {
    *at = std::move(view);
  } else {
    record.views.insert(at, std::move(view));
  }
}

template <typename Key>
using Records = absl::flat_hash_map<Key, Record>;

template <typename Key>
void ForgetListing(size_t rank, Records<Key>& records) {
  for (auto& [key, record] : records) {
    for (View& view : record.views) {
      if (view.rank == rank) view.listed = false;
    }
  }
}

// Marks what vanished, and drops what has been gone for longer than `keep_ns`.
template <typename Key>
void Age(uint64_t now_ns, uint64_t keep_ns, Records<Key>& records) {
  absl::erase_if(records, [&](auto& entry) {
    Record& record = entry.second;
    const bool listed = std::any_of(record.views.begin(), record.views.end(),
                                    [](const View& view) { return view.listed; });
    if (listed) {
      record.gone_ns.reset();
    } else if (!record.gone_ns) {
      record.gone_ns = now_ns;
    }
    return record.gone_ns && now_ns - *record.gone_ns > keep_ns;
  });
}

// Makes room: the longest gone first, then what came last.
template <typename Key>
void Bound(size_t max, uint64_t generation, Records<Key>& records, DirectoryCounts& counts) {
  if (records.size() <= max) return;
  std::vector<std::pair<uint64_t, Key>> gone;
  for (const auto& [key, record] : records) {
    if (record.gone_ns) gone.emplace_back(*record.gone_ns, key);
  }
  std::sort(gone.begin(), gone.end());
  for (const auto& [since, key] : gone) {
    if (records.size() <= max) return;
    records.erase(key);
    ++counts.evicted;
  }
  absl::erase_if(records, [&, excess = records.size() - max](const auto& entry) mutable {
    if (excess == 0 || entry.second.born != generation) return false;
    --excess;
    ++counts.refused;
    return true;
  });
}

template <typename Key>
size_t CountGone(const Records<Key>& records) {
  return static_cast<size_t>(std::count_if(records.begin(), records.end(), [](const auto& entry) {
    return entry.second.gone_ns.has_value();
  }));
}

void NoteSource(const std::string& source, std::vector<std::string>& sources) {
  if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
    sources.push_back(source);
  }
}

}  // namespace

struct PodDirectory::Snapshot {
  Records<model::ContainerId> containers;
  Records<model::PodUid> pods;
  DirectoryCounts counts;

  // Adds what the sources say of the pod itself.
  void FillPod(const model::PodUid& uid, const std::vector<std::string>& names,
               model::PodFacts& facts, std::vector<std::string>& sources) const {
    const auto it = pods.find(uid);
    if (it == pods.end()) return;
    for (const View& view : it->second.views) {
      if (!SamePod(view.pod->facts, facts)) continue;
      bool added = FillIn(view.pod->facts, facts);
      if (view.pod->metadata_is_current) added |= TakeMetadata(view.pod->facts, facts);
      if (added) NoteSource(names[view.rank], sources);
    }
  }

  // What the pod wishes: as it is now, where a source knows that, else as it was made.
  Wishes WishesOf(const View& first, const std::optional<model::PodUid>& uid) const {
    const auto it = uid ? pods.find(*uid) : pods.end();
    if (first.pod->metadata_is_current || it == pods.end()) return first.pod->wishes;
    for (const View& view : it->second.views) {
      const bool same = SamePod(view.pod->facts, first.pod->facts);
      if (same && view.pod->metadata_is_current) return view.pod->wishes;
    }
    return first.pod->wishes;
  }

  // Adds what the manifest says of the container, which its source need not have seen made.
  void FillSpec(const model::PodUid& uid, const std::vector<std::string>& names,
                FoundContainer& found) const {
    const auto it = pods.find(uid);
    if (it == pods.end() || found.facts.name.empty()) return;
    for (const View& view : it->second.views) {
      if (!SamePod(view.pod->facts, found.pod)) continue;
      for (const model::ContainerFacts& spec : view.pod->specs) {
        if (spec.name == found.facts.name && FillIn(spec, found.facts)) {
          NoteSource(names[view.rank], found.sources);
        }
      }
    }
  }

  // Whether each source that is not silent has told of the pod that the container is in.
  bool ToldByAll(const Record& container, const std::optional<model::PodUid>& uid,
                 std::vector<bool> told) const {
    for (const View& view : container.views) told[view.rank] = true;
    const auto it = uid ? pods.find(*uid) : pods.end();
    if (it != pods.end()) {
      for (const View& view : it->second.views) told[view.rank] = true;
    }
    return std::find(told.begin(), told.end(), false) == told.end();
  }

  FoundContainer Describe(const Record& record, const std::vector<std::string>& names,
                          const std::vector<bool>& silent) const {
    const View& first = record.views.front();
    const ContainerEntry& entry = first.pod->containers[first.container];
    FoundContainer found{.id = entry.id,
                         .facts = entry.facts,
                         .sandbox = entry.sandbox,
                         .pod = first.pod->facts,
                         .cgroup_uid = first.pod->cgroup_uid,
                         .gone = record.gone_ns.has_value(),
                         .sources = {names[first.rank]}};
    for (const View& view : record.views) {
      if (!SamePod(view.pod->facts, found.pod)) continue;
      bool added = FillIn(view.pod->containers[view.container].facts, found.facts);
      added |= FillIn(view.pod->facts, found.pod);
      if (!found.cgroup_uid) found.cgroup_uid = view.pod->cgroup_uid;
      if (added) NoteSource(names[view.rank], found.sources);
    }
    if (found.cgroup_uid) {
      FillPod(*found.cgroup_uid, names, found.pod, found.sources);
      FillSpec(*found.cgroup_uid, names, found);
    }
    found.wishes = WishesOf(first, found.cgroup_uid);
    found.complete = ToldByAll(record, found.cgroup_uid, silent);
    return found;
  }
};

PodDirectory::PodDirectory(const base::Clock& clock, std::vector<std::string> sources,
                           DirectoryBounds bounds)
    : clock_(clock),
      sources_(std::move(sources)),
      bounds_(bounds),
      silent_(sources_.size()),
      snapshot_(std::make_shared<const Snapshot>()) {}

PodDirectory::~PodDirectory() = default;

PodDirectory::Now PodDirectory::Current() const {
  base::MutexLock lock(mutex_);
  return {snapshot_, silent_};
}

size_t PodDirectory::RankOf(std::string_view source) const {
  return static_cast<size_t>(std::find(sources_.begin(), sources_.end(), source) -
                             sources_.begin());
}

void PodDirectory::NoteSilent(std::string_view source) {
  const size_t rank = RankOf(source);
  base::MutexLock lock(mutex_);
  if (rank < silent_.size()) silent_[rank] = true;
}

std::optional<FoundContainer> PodDirectory::Find(const model::ContainerId& id) const {
  const auto [snapshot, silent] = Current();
  const auto it = snapshot->containers.find(id);
  if (it == snapshot->containers.end()) return std::nullopt;
  return snapshot->Describe(it->second, sources_, silent);
}

std::optional<FoundPod> PodDirectory::FindPod(const model::PodUid& cgroup_uid) const {
  const auto snapshot = Current().snapshot;
  const auto it = snapshot->pods.find(cgroup_uid);
  if (it == snapshot->pods.end()) return std::nullopt;
  const View& first = it->second.views.front();
  FoundPod found{.facts = first.pod->facts,
                 .gone = it->second.gone_ns.has_value(),
                 .sources = {sources_[first.rank]}};
  snapshot->FillPod(cgroup_uid, sources_, found.facts, found.sources);
  return found;
}

std::vector<FoundContainer> PodDirectory::Listed() const {
  const auto [snapshot, silent] = Current();
  std::vector<FoundContainer> listed;
  listed.reserve(snapshot->counts.containers);
  for (const auto& [id, record] : snapshot->containers) {
    if (!record.gone_ns) listed.push_back(snapshot->Describe(record, sources_, silent));
  }
  return listed;
}

DirectoryCounts PodDirectory::Counts() const { return Current().snapshot->counts; }

uint64_t PodDirectory::Update(std::string_view source, Listing listing) {
  base::MutexLock update_lock(update_mutex_);
  const auto last = Current().snapshot;
  const size_t rank = RankOf(source);
  // Not one of those this directory was made for.
  if (rank == sources_.size()) return last->counts.generation;

  auto next = std::make_shared<Snapshot>(*last);
  DirectoryCounts& counts = next->counts;
  ++counts.generation;
  ForgetListing(rank, next->containers);
  ForgetListing(rank, next->pods);
  for (PodEntry& entry : listing.pods) {
    const auto pod = std::make_shared<const PodEntry>(std::move(entry));
    if (pod->cgroup_uid) Put({rank, pod, 0, true}, counts.generation, next->pods[*pod->cgroup_uid]);
    for (size_t i = 0; i < pod->containers.size(); ++i) {
      Put({rank, pod, i, true}, counts.generation, next->containers[pod->containers[i].id]);
    }
  }
  const uint64_t now_ns = clock_.BootNanos();
  const auto keep_ns = static_cast<uint64_t>(bounds_.keep_gone.count());
  Age(now_ns, keep_ns, next->containers);
  Age(now_ns, keep_ns, next->pods);
  Bound(bounds_.max_containers, counts.generation, next->containers, counts);
  Bound(bounds_.max_containers, counts.generation, next->pods, counts);
  counts.gone_containers = CountGone(next->containers);
  counts.gone_pods = CountGone(next->pods);
  counts.containers = next->containers.size() - counts.gone_containers;
  counts.pods = next->pods.size() - counts.gone_pods;
  const uint64_t generation = counts.generation;
  {
    base::MutexLock lock(mutex_);
    silent_[rank] = false;
    snapshot_ = std::move(next);
  }
  return generation;
}

}  // namespace oomtrail::attribute
