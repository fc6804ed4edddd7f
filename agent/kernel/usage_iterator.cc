#include "agent/kernel/usage_iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/kernel/libbpf_log.h"
#include "bpf/usage.h"
#include "usage.skel.h"

namespace oomtrail::kernel {
namespace {

constexpr size_t kMapBytes = OT_MAX_USAGES * sizeof(ot_usage);

std::string Reason(const LibbpfLog& log) {
  const std::string verifier = log.VerifierReason();
  return verifier.empty() ? log.ObjectReason() : verifier;
}

}  // namespace

// The loaded object, its link to the hierarchy and the map it writes to.
class UsageIterator::Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() {
    if (mapped_ != MAP_FAILED) ::munmap(mapped_, kMapBytes);
    bpf_link__destroy(link_);
    usage_bpf::destroy(skeleton_);
  }

  absl::Status Load(const KernelFeatures& features) {
    LibbpfLog log;
    skeleton_ = usage_bpf::open();
    if (skeleton_ == nullptr) return base::ErrnoStatus(errno, "open the embedded usage object");
    auto& rodata = *skeleton_->rodata;
    rodata.has_probe_read = features.probe_read;
    rodata.has_rdonly_cast = features.rdonly_cast;
    const int error = -usage_bpf::load(skeleton_);
    if (error == ESRCH) return absl::UnavailableError("this kernel has no cgroup iterator");
    if (error != 0) {
      return base::ErrnoStatus(error, base::StrCat("load iter/cgroup (", Reason(log), ")"));
    }
    return absl::OkStatus();
  }

  absl::Status Attach(const std::string& directory) {
    LibbpfLog log;
    const base::UniqueFd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root.ok()) return base::ErrnoStatus(errno, base::StrCat("open ", directory));
    bpf_iter_link_info walk{};
    walk.cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
    walk.cgroup.cgroup_fd = static_cast<uint32_t>(root.get());
    LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &walk, .link_info_len = sizeof walk);
    link_ = bpf_program__attach_iter(skeleton_->progs.usage_iterator, &options);
    if (link_ == nullptr) return base::ErrnoStatus(errno, "attach iter/cgroup");
    mapped_ = ::mmap(nullptr, kMapBytes, PROT_READ, MAP_SHARED,
                     bpf_map__fd(skeleton_->maps.ot_usages), 0);
    if (mapped_ == MAP_FAILED) return base::ErrnoStatus(errno, "map the usage records");
    return absl::OkStatus();
  }

  // The records of one pass.
  absl::StatusOr<std::span<const ot_usage>> Pass() {
    const base::UniqueFd pass(bpf_iter_create(bpf_link__fd(link_)));
    if (!pass.ok()) return base::ErrnoStatus(errno, "begin a pass of iter/cgroup");
    std::atomic_ref<uint32_t> count(skeleton_->bss->usages);
    count = 0;
    char nothing = 0;  // the program writes to its map
    ssize_t got = 0;
    do {
      got = ::read(pass.get(), &nothing, sizeof nothing);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) return base::ErrnoStatus(errno, "read iter/cgroup");
    if (count > OT_MAX_USAGES) {
      return absl::ResourceExhaustedError(
          base::StrCat("iter/cgroup: more than ", OT_MAX_USAGES, " memory cgroups"));
    }
    return std::span(static_cast<const ot_usage*>(mapped_), count);
  }

 private:
  usage_bpf* skeleton_ = nullptr;
  bpf_link* link_ = nullptr;
  void* mapped_ = MAP_FAILED;
};

absl::StatusOr<std::unique_ptr<UsageIterator>> UsageIterator::Open(const KernelFeatures& features,
                                                                   const std::string& directory) {
  if (!features.btf) return absl::UnavailableError(features.btf_error);
  if (!features.rdonly_cast && !features.probe_read) {
    return absl::UnavailableError(
        "a memory cgroup's counters can be read neither by bpf_rdonly_cast nor by "
        "bpf_probe_read_kernel");
  }
  auto object = std::make_unique<Object>();
  RETURN_IF_ERROR(object->Load(features));
  RETURN_IF_ERROR(object->Attach(directory));
  std::unique_ptr<UsageIterator> iterator(new UsageIterator(std::move(object), features.page_size));
  std::vector<CgroupUsage> usages;
  RETURN_IF_ERROR(iterator->Read(usages));
  if (usages.empty()) {
    return absl::UnavailableError(
        base::StrCat("iter/cgroup finds no memory cgroup in ", directory));
  }
  return iterator;
}

UsageIterator::UsageIterator(std::unique_ptr<Object> object, uint64_t page_bytes)
    : object_(std::move(object)), page_bytes_(page_bytes) {}

UsageIterator::~UsageIterator() = default;

absl::Status UsageIterator::Read(std::vector<CgroupUsage>& usages) {
  usages.clear();
  const auto records = object_->Pass();
  if (!records.ok()) return records.status();
  const uint64_t unlimited_pages = static_cast<uint64_t>(LONG_MAX) / page_bytes_;
  for (const ot_usage& record : *records) {
    CgroupUsage& usage = usages.emplace_back();
    usage.id = {record.cgroup_id};
    // A page counter may be below zero for a moment.
    const auto pages = static_cast<int64_t>(record.usage_pages);
    usage.usage_bytes = pages > 0 ? record.usage_pages * page_bytes_ : 0;
    if (record.limit_pages < unlimited_pages) usage.limit_bytes = record.limit_pages * page_bytes_;
  }
  return absl::OkStatus();
}

}  // namespace oomtrail::kernel
