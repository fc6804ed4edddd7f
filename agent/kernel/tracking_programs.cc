#include "agent/kernel/tracking_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/kernel/libbpf_log.h"
#include "agent/kernel/tracking_tracepoints.h"
#include "tracking.skel.h"

namespace oomtrail::kernel {
namespace {

struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
struct SkeletonDeleter {
  void operator()(tracking_bpf* skeleton) const { tracking_bpf::destroy(skeleton); }
};

constexpr size_t kNearlyFullPercent = 90;
constexpr size_t kRoomPercent = 10;

uint32_t Threshold(uint32_t one_in) {
  return one_in <= 1 ? UINT32_MAX : static_cast<uint32_t>((uint64_t{1} << 32) / one_in) - 1;
}

absl::Status Refused(int error, std::string_view what, const std::string& reason) {
  const std::string said =
      base::StrCat("allocation tracking: ", what, reason.empty() ? "" : " (" + reason + ")");
  if (error == EPERM) {  // EACCES is the verifier's

    return base::Annotate(base::ErrnoStatus(error, said),
                          "remedy: CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN), and no policy "
                          "against tp_btf programs");
  }
  return base::ErrnoStatus(error, said);
}

void Add(ot_allocations& sum, const ot_allocations& of_one_cpu) {
  sum.bytes += of_one_cpu.bytes;
  sum.freed_bytes += of_one_cpu.freed_bytes;
  sum.count += of_one_cpu.count;
  sum.samples += of_one_cpu.samples;
  const uint64_t cluster = std::min<uint64_t>(of_one_cpu.cluster >> OT_SQUARES_SHIFT, INT32_MAX);
  sum.squares += of_one_cpu.squares + cluster * cluster;
}

// Bounded, for a map that changes meanwhile may begin anew.
template <typename Key>
std::vector<Key> Keys(const bpf_map* map) {
  std::vector<Key> keys;
  Key key{};
  const void* previous = nullptr;
  while (keys.size() < bpf_map__max_entries(map) &&
         bpf_map_get_next_key(bpf_map__fd(map), previous, &key) == 0) {
    keys.push_back(key);
    previous = &keys.back();
    if (keys.size() == keys.capacity()) {
      keys.reserve(keys.size() * 2);
      previous = &keys.back();
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

template <typename Key>
uint64_t DropIdle(const bpf_map* map, std::vector<std::pair<uint64_t, Key>> by_age) {
  const size_t room = bpf_map__max_entries(map);
  if (by_age.size() * 100 < room * kNearlyFullPercent) return 0;
  std::sort(by_age.begin(), by_age.end());
  by_age.resize(std::min(by_age.size(), room * kRoomPercent / 100));
  uint64_t dropped = 0;
  for (const auto& [age, key] : by_age) {
    if (bpf_map_delete_elem(bpf_map__fd(map), &key) == 0) ++dropped;
  }
  return dropped;
}

}  // namespace

struct TrackingPrograms::Object {
  std::vector<TrackingProgram> programs;
  std::unique_ptr<tracking_bpf, SkeletonDeleter> skeleton;
  std::map<std::string, std::unique_ptr<bpf_link, LinkDeleter>> links;

  volatile ot_tracking_config& config() const {
    return *reinterpret_cast<volatile ot_tracking_config*>(&skeleton->bss->ot_config);
  }
  bpf_program* Find(const char* name) const {
    return bpf_object__find_program_by_name(skeleton->obj, name);
  }
};

TrackingPrograms::TrackingPrograms() = default;
TrackingPrograms::~TrackingPrograms() = default;

absl::StatusOr<std::unique_ptr<TrackingPrograms>> TrackingPrograms::Load(
    const KernelFeatures& features) {
  if (!features.btf) {
    return absl::FailedPreconditionError(
        base::StrCat("allocation tracking: ", features.btf_error,
                     " (remedy: a kernel with CONFIG_DEBUG_INFO_BTF)"));
  }
  if (!features.current_btf && !features.probe_read) {
    return absl::FailedPreconditionError(
        "allocation tracking: this kernel has no bpf_get_current_task_btf and its lockdown forbids "
        "bpf_probe_read_kernel (remedy: kernel 5.11, or no lockdown=confidentiality)");
  }
  auto loaded = std::unique_ptr<TrackingPrograms>(new TrackingPrograms());
  loaded->object_ = std::make_unique<Object>();
  Object& object = *loaded->object_;
  ASSIGN_OR_RETURN(object.programs,
                   FindTrackingPrograms(features.rdonly_cast || features.probe_read));
  LibbpfLog log;
  object.skeleton.reset(tracking_bpf::open());
  if (object.skeleton == nullptr) return Refused(errno, "open the embedded BPF object", "");
  auto& rodata = *object.skeleton->rodata;
  rodata.has_probe_read = features.probe_read;
  rodata.has_current_btf = features.current_btf;
  rodata.has_rdonly_cast = features.rdonly_cast;
  for (const TrackingProgram& program : object.programs) {
    bpf_program__set_autoload(object.Find(program.name), true);
  }
  if (const int error = -tracking_bpf::load(object.skeleton.get()); error != 0) {
    const std::string verifier = log.VerifierReason();
    return Refused(error, "load the BPF programs",
                   verifier.empty() ? log.ObjectReason() : verifier);
  }
  loaded->page_size_ = features.page_size;
  loaded->cpus_ = libbpf_num_possible_cpus();
  return loaded;
}

absl::Status TrackingPrograms::Attach(const TrackedParts& parts) {
  const bool typed =
      std::any_of(object_->programs.begin(), object_->programs.end(),
                  [](const TrackingProgram& program) { return program.name == kTypedCacheAlloc; });
  if (parts.frees && typed) {
    return absl::FailedPreconditionError(
        "allocation tracking: frees cannot be followed on this kernel while lockdown forbids "
        "bpf_probe_read_kernel (remedy: leave frees off, or kernel 6.2)");
  }
  for (const TrackingProgram& program : object_->programs) {
    const bool wanted = program.part == TrackingPart::kExit ||
                        (program.part == TrackingPart::kAllocations && parts.kernel) ||
                        (program.part == TrackingPart::kFrees && parts.kernel && parts.frees) ||
                        (program.part == TrackingPart::kUser && parts.user);
    if (!wanted) {
      object_->links.erase(program.name);
      continue;
    }
    if (object_->links.contains(program.name)) continue;
    LibbpfLog log;
    bpf_link* link = bpf_program__attach(object_->Find(program.name));
    if (link == nullptr) {
      const int error = errno;
      object_->links.clear();
      return Refused(error, base::StrCat("attach ", program.name), log.ObjectReason());
    }
    object_->links[program.name].reset(link);
  }
  return absl::OkStatus();
}

void TrackingPrograms::Sample(uint32_t one_in, uint32_t weight) {
  volatile ot_tracking_config& config = object_->config();
  config.weight = 0;
  config.window = 0;
  config.until_ns = 0;
  config.threshold = Threshold(one_in);
  config.weight = weight;
}

void TrackingPrograms::SampleWindow(uint32_t one_in, uint32_t weight, uint64_t until_ns) {
  volatile ot_tracking_config& config = object_->config();
  config.weight = 0;
  if (++window_ == 0) window_ = 1;
  config.window = window_;
  config.until_ns = until_ns;
  config.threshold = Threshold(one_in);
  config.weight = weight;
}

void TrackingPrograms::KeepFrees(bool keep) { object_->config().frees = keep ? 1 : 0; }

absl::Status TrackingPrograms::SetKeys(const std::vector<ot_tracking_key>& keys) {
  const int map = bpf_map__fd(object_->skeleton->maps.ot_keys);
  object_->config().keyed = 1;
  ot_tracking_key key{};
  while (bpf_map_get_next_key(map, nullptr, &key) == 0) {
    if (bpf_map_delete_elem(map, &key) != 0) break;
  }
  for (const ot_tracking_key& wanted : keys) {
    const uint8_t present = 1;
    if (bpf_map_update_elem(map, &wanted, &present, BPF_ANY) != 0) {
      return Refused(errno, "set the keys", "");
    }
  }
  return absl::OkStatus();
}

void TrackingPrograms::ClearKeys() { object_->config().keyed = 0; }

ot_tracking_tally TrackingPrograms::Tally() const {
  std::vector<ot_tracking_tally> of_cpu(static_cast<size_t>(cpus_));
  const uint32_t zero = 0;
  ot_tracking_tally sum{};
  if (bpf_map_lookup_elem(bpf_map__fd(object_->skeleton->maps.ot_tally), &zero, of_cpu.data()) !=
      0) {
    return sum;
  }
  for (const ot_tracking_tally& one : of_cpu) {
    sum.drawn += one.drawn;
    sum.recorded += one.recorded;
    sum.refused += one.refused;
  }
  return sum;
}

std::vector<TrackingPrograms::Process> TrackingPrograms::ReadProcesses() const {
  const bpf_map* map = object_->skeleton->maps.ot_processes;
  std::vector<ot_process_allocations> of_cpu(static_cast<size_t>(cpus_));
  std::vector<Process> read;
  for (const uint32_t tgid : Keys<uint32_t>(map)) {
    if (bpf_map_lookup_elem(bpf_map__fd(map), &tgid, of_cpu.data()) != 0) continue;
    Process process{.tgid = tgid, .value = {}};
    for (const ot_process_allocations& one : of_cpu) {
      Add(process.value.sums, one.sums);
      if (one.last_ns < process.value.last_ns || one.last_ns == 0) continue;
      process.value.last_ns = one.last_ns;
      process.value.cgroup_id = one.cgroup_id;
      std::memcpy(process.value.comm, one.comm, sizeof one.comm);
    }
    read.push_back(process);
  }
  return read;
}

std::vector<TrackingPrograms::Cgroup> TrackingPrograms::ReadCgroups() const {
  const bpf_map* map = object_->skeleton->maps.ot_cgroups;
  std::vector<ot_cgroup_allocations> of_cpu(static_cast<size_t>(cpus_));
  std::vector<Cgroup> read;
  for (const uint64_t id : Keys<uint64_t>(map)) {
    if (bpf_map_lookup_elem(bpf_map__fd(map), &id, of_cpu.data()) != 0) continue;
    Cgroup cgroup{.id = id, .value = {}};
    for (const ot_cgroup_allocations& one : of_cpu) {
      Add(cgroup.value.sums, one.sums);
      cgroup.value.last_ns = std::max<uint64_t>(cgroup.value.last_ns, one.last_ns);
    }
    read.push_back(cgroup);
  }
  return read;
}

std::vector<TrackingPrograms::Resident> TrackingPrograms::ReadResident() const {
  const bpf_map* map = object_->skeleton->maps.ot_resident;
  std::vector<Resident> read;
  for (const uint32_t tgid : Keys<uint32_t>(map)) {
    Resident resident{.tgid = tgid, .value = {}};
    if (bpf_map_lookup_elem(bpf_map__fd(map), &tgid, &resident.value) == 0) {
      read.push_back(resident);
    }
  }
  return read;
}

uint64_t TrackingPrograms::MakeRoom() {
  const auto& maps = object_->skeleton->maps;
  std::vector<std::pair<uint64_t, uint32_t>> processes;
  std::vector<std::pair<uint64_t, uint64_t>> cgroups;
  std::vector<std::pair<uint64_t, uint32_t>> residents;
  for (const Process& one : ReadProcesses()) processes.emplace_back(one.value.last_ns, one.tgid);
  for (const Cgroup& one : ReadCgroups()) cgroups.emplace_back(one.value.last_ns, one.id);
  for (const Resident& one : ReadResident()) residents.emplace_back(one.value.last_ns, one.tgid);
  return DropIdle(maps.ot_processes, std::move(processes)) +
         DropIdle(maps.ot_cgroups, std::move(cgroups)) +
         DropIdle(maps.ot_resident, std::move(residents));
}

uint64_t TrackingPrograms::resident_error_pages() const {
  // percpu_counter_batch is max(32, 2 × CPUs), the split counters before it are 64 a thread.
  const auto cpus = static_cast<uint64_t>(cpus_);
  return cpus * std::max<uint64_t>(64, 2 * cpus);
}

}  // namespace oomtrail::kernel
