#include "agent/decode/record_decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "bpf/events.h"

namespace oomtrail::decode {

using model::CgroupId;
using model::HookMethod;

namespace {

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(base::StrCat("kernel record: ", what));
}

// The text of a fixed field: up to its first NUL, or all of it.
std::string Text(const char* field, size_t size) {
  return std::string(field, ::strnlen(field, size));
}

// A directory's name, "" where the field does not hold all of it: the kernel side ends a whole name
// with NUL, and a name with a slash was never a directory's.
std::string DirectoryName(const char (&field)[OT_NAME_BYTES]) {
  std::string name = Text(field, sizeof field);
  if (name.size() == sizeof field || name.find('/') != std::string::npos) name.clear();
  return name;
}

std::optional<uint64_t> If(uint32_t flags, uint32_t flag, uint64_t value) {
  if ((flags & flag) == 0) return std::nullopt;
  return value;
}

// Pages as bytes; saturating, for a hostile count must not wrap into a small one.
uint64_t PageBytes(uint64_t pages, uint32_t page_size) {
  const uint64_t most = std::numeric_limits<uint64_t>::max() / page_size;
  return pages > most ? std::numeric_limits<uint64_t>::max() : pages * page_size;
}

// A page counter without a limit holds PAGE_COUNTER_MAX.
std::optional<uint64_t> LimitBytes(uint64_t pages, uint32_t page_size) {
  if (pages >= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / page_size) {
    return std::nullopt;
  }
  return pages * page_size;
}

absl::StatusOr<HookMethod> DecodeMethod(uint8_t method) {
  switch (method) {
    case OT_METHOD_FENTRY: return HookMethod::kFentry;
    case OT_METHOD_KPROBE: return HookMethod::kKprobe;
    case OT_METHOD_TP_BTF: return HookMethod::kTpBtf;
    case OT_METHOD_TRACEPOINT: return HookMethod::kTracepoint;
    default: return Damaged(base::StrCat("method ", method));
  }
}

absl::StatusOr<std::string> DecodeHook(uint8_t hook) {
  switch (hook) {
    case OT_HOOK_OOM_KILL_PROCESS: return "__oom_kill_process";
    case OT_HOOK_MARK_VICTIM: return "mark_victim";
    case OT_HOOK_MEMCG_OUT_OF_MEMORY: return "mem_cgroup_out_of_memory";
    default: return Damaged(base::StrCat("hook ", hook));
  }
}

absl::StatusOr<model::HookSource> DecodeSource(uint8_t hook, uint8_t method) {
  model::HookSource source;
  ASSIGN_OR_RETURN(source.name, DecodeHook(hook));
  ASSIGN_OR_RETURN(source.method, DecodeMethod(method));
  return source;
}

model::MemcgLevel DecodeLevel(const ot_level& in, uint32_t page_size) {
  model::MemcgLevel level;
  level.id = CgroupId{in.memcg_id};
  if ((in.flags & OT_LEVEL_NAMED) != 0) level.name = DirectoryName(in.name);
  if ((in.flags & OT_LEVEL_COUNTERS) == 0) return level;
  level.oom_group = (in.flags & OT_LEVEL_OOM_GROUP) != 0;
  level.usage_bytes = PageBytes(in.usage_pages, page_size);
  level.limit_bytes = LimitBytes(in.limit_pages, page_size);
  level.swap_usage_bytes = PageBytes(in.swap_usage_pages, page_size);
  level.swap_limit_bytes = LimitBytes(in.swap_limit_pages, page_size);
  level.oom_count = in.oom_count;
  level.oom_kill_count = in.oom_kill_count;
  return level;
}

bool IsPageSize(uint32_t size) { return size >= 4096 && size <= 65536 && (size & (size - 1)) == 0; }

// `sent` is the length of the record from the chain on.
absl::StatusOr<model::MemcgChain> DecodeChain(const ot_chain& in, size_t sent) {
  if (in.count > OT_MAX_LEVELS) return Damaged(base::StrCat(in.count, " cgroup levels"));
  if (!IsPageSize(in.page_size)) return Damaged(base::StrCat("page size ", in.page_size));
  const size_t expected = offsetof(ot_chain, levels) + in.count * sizeof(ot_level);
  if (sent != expected) {
    return Damaged(base::StrCat(sent, " bytes for ", in.count, " cgroup levels"));
  }
  model::MemcgChain chain;
  chain.hierarchy = in.hierarchy;
  chain.complete = in.count > 0 && (in.flags & OT_CHAIN_COMPLETE) != 0;
  chain.named = in.count > 0;
  chain.levels.reserve(in.count);
  for (uint32_t i = 0; i < in.count; ++i) {
    chain.levels.push_back(DecodeLevel(in.levels[i], in.page_size));
    const bool root = chain.complete && i + 1 == in.count;
    if (!root && chain.levels.back().name.empty()) chain.named = false;
  }
  return chain;
}

model::Victim DecodeVictim(const ot_process& in, uint32_t page_size) {
  model::Victim victim;
  victim.pid = (in.flags & OT_PROCESS_TGID) != 0 ? in.tgid : 0;
  victim.tid = in.tid;
  if ((in.flags & OT_PROCESS_COMM) != 0) victim.comm = Text(in.comm, sizeof in.comm);
  if ((in.flags & OT_PROCESS_UID) != 0) victim.uid = in.uid;
  if ((in.flags & OT_PROCESS_SCORE_ADJ) != 0) victim.oom_score_adj = in.oom_score_adj;
  victim.start_boot_ns = If(in.flags, OT_PROCESS_START, in.start_boot_ns);
  model::ProcessMemory& memory = victim.memory;
  memory.anon_rss_bytes = If(in.flags, OT_PROCESS_RSS, PageBytes(in.anon_pages, page_size));
  memory.file_rss_bytes = If(in.flags, OT_PROCESS_RSS, PageBytes(in.file_pages, page_size));
  memory.shmem_rss_bytes = If(in.flags, OT_PROCESS_RSS, PageBytes(in.shmem_pages, page_size));
  memory.page_table_bytes = If(in.flags, OT_PROCESS_PAGE_TABLES, in.page_table_bytes);
  memory.total_vm_bytes =
      If(in.flags, OT_PROCESS_TOTAL_VM, PageBytes(in.total_vm_pages, page_size));
  return victim;
}

model::Trigger DecodeTrigger(const ot_trigger& in) {
  return {.pid = in.tgid,
          .tid = in.tid,
          .comm = Text(in.comm, sizeof in.comm),
          .memcg = CgroupId{in.memcg_id}};
}

absl::StatusOr<std::optional<model::OomContext>> DecodeOom(const ot_oom& in, uint32_t page_size) {
  if ((in.flags & OT_OOM_PRESENT) == 0) return std::optional<model::OomContext>();
  if (in.constraint > static_cast<uint32_t>(model::Constraint::kMemcg)) {
    return Damaged(base::StrCat("constraint ", in.constraint));
  }
  model::OomContext oom;
  oom.constraint = static_cast<model::Constraint>(in.constraint);
  oom.order = in.order;
  oom.gfp = in.gfp;
  oom.total_pages = in.total_pages;
  oom.sequence = in.sequence;
  if ((in.flags & OT_OOM_LIMIT) != 0) {
    oom.limit_memcg = CgroupId{in.limit_memcg_id};
    oom.limit_usage_bytes = PageBytes(in.limit_usage_pages, page_size);
    oom.limit_bytes = LimitBytes(in.limit_max_pages, page_size);
  }
  return std::optional<model::OomContext>(oom);
}

absl::StatusOr<model::KernelRecord> DecodeKill(const ot_kill& in, size_t size) {
  model::Kill kill;
  ASSIGN_OR_RETURN(kill.hook, DecodeSource(in.hook, in.method));
  kill.boot_ns = in.header.boot_ns;
  ASSIGN_OR_RETURN(kill.memcg, DecodeChain(in.chain, size - offsetof(ot_kill, chain)));
  kill.victim = DecodeVictim(in.victim, in.chain.page_size);
  kill.trigger = DecodeTrigger(in.trigger);
  ASSIGN_OR_RETURN(kill.oom, DecodeOom(in.oom, in.chain.page_size));
  kill.needs_proof = in.hook == OT_HOOK_MARK_VICTIM;
  return kill;
}

absl::StatusOr<model::KernelRecord> DecodeOomWithoutKill(const ot_oom_without_kill& in,
                                                         size_t size) {
  model::OomWithoutKill oom;
  ASSIGN_OR_RETURN(oom.hook, DecodeSource(in.hook, in.method));
  oom.boot_ns = in.header.boot_ns;
  oom.trigger = DecodeTrigger(in.trigger);
  ASSIGN_OR_RETURN(oom.memcg, DecodeChain(in.chain, size - offsetof(ot_oom_without_kill, chain)));
  oom.order = in.order;
  oom.gfp = in.gfp;
  oom.suppressed = in.suppressed;
  return oom;
}

absl::StatusOr<model::KernelRecord> DecodeCgroupChange(const ot_cgroup_change& in, size_t size) {
  if (size != sizeof in) return Damaged(base::StrCat(size, " bytes for a cgroup change"));
  model::CgroupChange change;
  change.kind = in.header.type == OT_RECORD_CGROUP_MADE      ? model::CgroupChange::Kind::kMade
                : in.header.type == OT_RECORD_CGROUP_REMOVED ? model::CgroupChange::Kind::kRemoved
                                                             : model::CgroupChange::Kind::kRenamed;
  change.id = CgroupId{in.id};
  change.parent = CgroupId{in.parent_id};
  if (in.named != 0) change.name = DirectoryName(in.name);
  return change;
}

// A private copy with what was not sent zeroed, so that no check is made on bytes that may change.
template <typename T>
absl::StatusOr<T> Copy(std::span<const std::byte> record, size_t least) {
  if (record.size() < least || record.size() > sizeof(T)) {
    return Damaged(base::StrCat(record.size(), " bytes, expected ", least, " to ", sizeof(T)));
  }
  T copy{};
  std::memcpy(&copy, record.data(), record.size());
  return copy;
}

}  // namespace

absl::StatusOr<model::KernelRecord> DecodeRecord(std::span<const std::byte> record) {
  if (record.size() < sizeof(ot_header)) {
    return Damaged(base::StrCat(record.size(), " bytes, less than a header"));
  }
  ot_header header;
  std::memcpy(&header, record.data(), sizeof header);
  if (header.abi != OOMTRAIL_ABI) {
    return absl::UnimplementedError(
        base::StrCat("kernel record of ABI ", header.abi, ", this agent reads ", OOMTRAIL_ABI));
  }
  if (header.length != record.size()) {
    return Damaged(base::StrCat("says ", header.length, " bytes, has ", record.size()));
  }
  switch (header.type) {
    case OT_RECORD_KILL: {
      ASSIGN_OR_RETURN(const auto kill, Copy<ot_kill>(record, offsetof(ot_kill, chain.levels)));
      return DecodeKill(kill, record.size());
    }
    case OT_RECORD_OOM_WITHOUT_KILL: {
      ASSIGN_OR_RETURN(const auto oom, Copy<ot_oom_without_kill>(
                                           record, offsetof(ot_oom_without_kill, chain.levels)));
      return DecodeOomWithoutKill(oom, record.size());
    }
    case OT_RECORD_CGROUP_MADE:
    case OT_RECORD_CGROUP_REMOVED:
    case OT_RECORD_CGROUP_RENAMED: {
      ASSIGN_OR_RETURN(const auto change, Copy<ot_cgroup_change>(record, sizeof(ot_cgroup_change)));
      return DecodeCgroupChange(change, record.size());
    }
    default: return absl::UnimplementedError(base::StrCat("kernel record of type ", header.type));
  }
}

}  // namespace oomtrail::decode
