#include "agent/kernel/tracking_tracepoints.h"

#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::kernel {
namespace {

struct Candidate {
  TrackingPart part;
  const char* tracepoint;
  const char* name;
  // What the arguments begin with: n(umber), p(ointer), c(ache), m(m), t(ask). Ends in '$' where
  // there may be no more.
  std::string_view arguments;
};

constexpr std::string_view kCacheAlloc = "on_cache_alloc";

constexpr Candidate kCandidates[] = {
    {TrackingPart::kAllocations, "kmalloc", "on_kmalloc", "npnn"},
    {TrackingPart::kAllocations, "kmem_cache_alloc", kCacheAlloc.data(), "npc"},
    {TrackingPart::kAllocations, "kmem_cache_alloc", kTypedCacheAlloc.data(), "npc"},
    {TrackingPart::kAllocations, "kmem_cache_alloc", "on_cache_alloc_sized", "npnn"},
    {TrackingPart::kFrees, "kfree", "on_kfree", "np"},
    {TrackingPart::kFrees, "kmem_cache_free", "on_cache_free", "np"},
    {TrackingPart::kUser, "rss_stat", "on_rss_stat", "mn$"},
    {TrackingPart::kUser, "rss_stat", "on_rss_stat_counted", "mnn$"},
    {TrackingPart::kExit, "sched_process_exit", "on_exit", "t"},
    // Merged into the two above by 11e9734bcb6a (6.1).
    {TrackingPart::kAllocations, "kmalloc_node", "on_kmalloc_node", "npnn"},
    {TrackingPart::kAllocations, "kmem_cache_alloc_node", "on_cache_alloc_node_sized", "npnn"},
};

constexpr const char* kNeeded[] = {"kmalloc",         "kmem_cache_alloc", "kfree",
                                   "kmem_cache_free", "rss_stat",         "sched_process_exit"};

struct BtfDeleter {
  void operator()(btf* types) const { btf__free(types); }
};

const btf_type* Resolve(const btf* types, uint32_t id) {
  const int resolved = btf__resolve_type(types, id);
  return resolved < 0 ? nullptr : btf__type_by_id(types, static_cast<uint32_t>(resolved));
}

char Letter(const btf* types, uint32_t id) {
  const btf_type* type = Resolve(types, id);
  if (type == nullptr) return '?';
  if (btf_is_int(type) || btf_is_any_enum(type)) return 'n';
  if (!btf_is_ptr(type)) return '?';
  const btf_type* target = Resolve(types, type->type);
  if (target == nullptr || !btf_is_struct(target)) return 'p';
  const std::string_view name = btf__name_by_offset(types, target->name_off);
  if (name == "kmem_cache") return 'c';
  if (name == "mm_struct") return 'm';
  return name == "task_struct" ? 't' : 'p';
}

// The typedef's type is a pointer to `void (void *, <argument>...)`. Absent: no such tracepoint.
std::optional<std::string> Arguments(const btf* types, const char* tracepoint) {
  const std::string name = base::StrCat("btf_trace_", tracepoint);
  const int id = btf__find_by_name_kind(types, name.c_str(), BTF_KIND_TYPEDEF);
  if (id <= 0) return std::nullopt;
  const btf_type* pointer = Resolve(types, static_cast<uint32_t>(id));
  if (pointer == nullptr || !btf_is_ptr(pointer)) return std::nullopt;
  const btf_type* function = btf__type_by_id(types, pointer->type);
  if (function == nullptr || !btf_is_func_proto(function)) return std::nullopt;
  std::string letters;
  for (uint16_t i = 1; i < btf_vlen(function); ++i) {
    letters += Letter(types, btf_params(function)[i].type);
  }
  return letters + '$';
}

}  // namespace

absl::StatusOr<std::vector<TrackingProgram>> FindTrackingPrograms(bool caches_by_address) {
  const std::unique_ptr<btf, BtfDeleter> types(btf__load_vmlinux_btf());
  if (types == nullptr) {
    const int error = errno;
    return absl::FailedPreconditionError(base::StrCat(
        "allocation tracking: the kernel's types (BTF) cannot be read: ", base::ErrnoName(error),
        " (remedy: a kernel with CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux in sight)"));
  }
  std::vector<TrackingProgram> programs;
  std::vector<std::string_view> found;
  for (const Candidate& candidate : kCandidates) {
    const auto arguments = Arguments(types.get(), candidate.tracepoint);
    if (!arguments || !arguments->starts_with(candidate.arguments)) continue;
    if (candidate.name == (caches_by_address ? kTypedCacheAlloc : kCacheAlloc)) continue;
    programs.push_back({candidate.part, candidate.name});
    found.emplace_back(candidate.tracepoint);
  }
  for (const char* needed : kNeeded) {
    if (std::find(found.begin(), found.end(), needed) != found.end()) continue;
    const auto arguments = Arguments(types.get(), needed);
    return absl::FailedPreconditionError(base::StrCat(
        "allocation tracking: this kernel's tracepoint ", needed,
        arguments ? " has arguments that are not known (" + *arguments + ")" : " is missing",
        " (remedy: none on this kernel; leave tracking off)"));
  }
  return programs;
}

}  // namespace oomtrail::kernel
