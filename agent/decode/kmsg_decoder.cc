#include "agent/decode/kmsg_decoder.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "agent/base/strings.h"

namespace oomtrail::decode {
namespace {

using model::Constraint;

constexpr size_t kCommBytes = 15;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// /dev/kmsg writes what is not printable, and the backslash, as \xNN.
std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      const int high = HexDigit(text[i + 2]);
      const int low = HexDigit(text[i + 3]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// Takes a decimal number off the front.
template <typename T>
bool ConsumeNumber(std::string_view& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// "<label>123kB" off the front, as bytes.
std::optional<uint64_t> ConsumeKilobytes(std::string_view& text, std::string_view label) {
  uint64_t kilobytes = 0;
  if (!base::ConsumePrefix(&text, label) || !ConsumeNumber(text, kilobytes) ||
      !base::ConsumePrefix(&text, "kB") ||
      kilobytes > std::numeric_limits<uint64_t>::max() / 1024) {
    return std::nullopt;
  }
  return kilobytes * 1024;
}

// What follows `mark` if it occurs exactly once.
std::optional<std::string_view> AfterOnly(std::string_view text, std::string_view mark) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos || text.find(mark, at + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return text.substr(at + mark.size());
}

// What the kernel log prints for "no limit" is at least this: LONG_MAX rounded down to whole pages,
// which may have up to 64 KiB.
constexpr uint64_t kUnlimitedBytes = 0x7fff'ffff'ffff'0000;

constexpr std::string_view kInvoked = " invoked oom-killer: gfp_mask=";

}  // namespace

std::optional<model::Kill> KmsgDecoder::Feed(std::string_view record) {
  // "<facility * 8 + level>,<sequence>,<microseconds>,<flags>[,…];<text>\n"
  uint32_t priority = 0;
  uint64_t sequence = 0;
  uint64_t microseconds = 0;
  if (!ConsumeNumber(record, priority) || !base::ConsumePrefix(&record, ",") ||
      !ConsumeNumber(record, sequence) || !base::ConsumePrefix(&record, ",") ||
      !ConsumeNumber(record, microseconds)) {
    return std::nullopt;
  }
  constexpr uint32_t kKernelFacility = 0;
  const size_t semicolon = record.find(';');
  if (priority >> 3 != kKernelFacility || semicolon == std::string_view::npos) return std::nullopt;
  record.remove_prefix(semicolon + 1);
  const std::string text = Unescape(record.substr(0, record.find('\n')));
  const uint64_t boot_ns =
      microseconds > std::numeric_limits<uint64_t>::max() / 1000 ? 0 : microseconds * 1000;

  // The log's clock may stand still for milliseconds (jiffies, where there is no good TSC): its
  // nanoseconds, which it does not have, tell records of one moment apart.
  stamp_ = boot_ns + sequence % 1'000;

  // Behind a comm, not anywhere: other lines hold names of cgroups, which may hold these words.
  if (const size_t invoked = text.find(kInvoked); invoked <= kCommBytes) {
    Begin(std::string_view(text).substr(invoked + kInvoked.size()));
  } else if (text.starts_with("memory: usage ")) {
    ReadUsage(text);
  } else if (text.starts_with("oom-kill:constraint=")) {
    ReadHeader(text, boot_ns);
  } else if (text.starts_with("Tasks in ") &&
             text.ends_with(" are going to be killed due to memory.oom.group set")) {
    oom_.group_ns = boot_ns;
  } else {
    return ReadKill(text, boot_ns);
  }
  return std::nullopt;
}

// "0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
void KmsgDecoder::Begin(std::string_view text) {
  oom_ = Oom();
  oom_.context.sequence = stamp_;
  base::ConsumePrefix(&text, "0x");
  uint32_t gfp = 0;
  if (!base::SimpleHexAtoi(text.substr(0, text.find('(')), &gfp)) return;
  oom_.context.gfp = gfp;
  constexpr std::string_view kOrder = "), order=";
  const size_t order = text.find(kOrder);
  if (order == std::string_view::npos) return;
  text.remove_prefix(order + kOrder.size());
  int32_t value = 0;
  if (ConsumeNumber(text, value)) oom_.context.order = value;
}

void KmsgDecoder::ReadUsage(std::string_view text) {
  const auto usage = ConsumeKilobytes(text, "memory: usage ");
  if (!usage) return;
  oom_.context.limit_usage_bytes = usage;
  const auto limit = ConsumeKilobytes(text, ", limit ");
  if (limit && *limit < kUnlimitedBytes) oom_.context.limit_bytes = limit;
}

void KmsgDecoder::ReadHeader(std::string_view text, uint64_t boot_ns) {
  // An OOM has one header. Another is another's, whose beginning was lost.
  if (oom_.known) {
    oom_ = Oom();
    oom_.context.sequence = stamp_;
  }
  base::ConsumePrefix(&text, "oom-kill:constraint=");
  const std::string_view constraint = text.substr(0, text.find(','));
  if (constraint == "CONSTRAINT_NONE") {
    oom_.context.constraint = Constraint::kNone;
  } else if (constraint == "CONSTRAINT_CPUSET") {
    oom_.context.constraint = Constraint::kCpuset;
  } else if (constraint == "CONSTRAINT_MEMORY_POLICY") {
    oom_.context.constraint = Constraint::kMempolicy;
  } else if (constraint == "CONSTRAINT_MEMCG") {
    oom_.context.constraint = Constraint::kMemcg;
  } else {
    return;
  }
  // ",pid=4312,uid=0" ends the line; comm stands before it and cannot follow it.
  const size_t mark = text.rfind(",pid=");
  if (mark == std::string_view::npos) return;
  std::string_view tail = text.substr(mark + 5);
  uint32_t pid = 0;
  uint32_t uid = 0;
  if (!ConsumeNumber(tail, pid) || !base::ConsumePrefix(&tail, ",uid=") ||
      !ConsumeNumber(tail, uid) || !tail.empty()) {
    return;
  }
  oom_.known = true;
  oom_.header_pid = pid;
  oom_.header_ns = boot_ns;
  oom_.header = std::string(text.substr(0, mark));
}

// The header names cgroups and, last, the comm; only now is the comm known for certain.
void KmsgDecoder::AddPaths(model::Kill& kill) const {
  std::string_view header = oom_.header;
  if (!base::ConsumeSuffix(&header, base::StrCat(",task=", kill.victim.comm))) return;
  const auto task_path = AfterOnly(header, ",task_memcg=");
  if (!task_path || !task_path->starts_with("/")) return;
  if (oom_.context.constraint != Constraint::kMemcg) {
    kill.memcg_path = std::string(*task_path);
    return;
  }
  const auto limit = AfterOnly(header, ",oom_memcg=");
  if (!limit) return;
  const std::string_view limit_path = limit->substr(0, limit->find(",task_memcg="));
  const bool above = limit_path == "/" || *task_path == limit_path ||
                     task_path->starts_with(base::StrCat(limit_path, "/"));
  if (!above) return;
  kill.memcg_path = std::string(*task_path);
  kill.limit_path = std::string(limit_path);
}

// Members go in one breath, right after the announcement. Later kills whose own header was
// rate-limited away are no members.
bool KmsgDecoder::InGroup(uint64_t boot_ns) const {
  constexpr uint64_t kBreathNs = 100'000'000;
  return oom_.group_ns && boot_ns - *oom_.group_ns < kBreathNs;
}

void KmsgDecoder::AddContext(model::Kill& kill, bool memcg) {
  // Nothing is printed between the header and the kill; an older header is about somebody else who
  // had this pid.
  constexpr uint64_t kBreathNs = 1'000'000'000;
  const bool named =
      kill.victim.tid == oom_.header_pid && kill.boot_ns - oom_.header_ns < kBreathNs;
  kill.group_announced = InGroup(kill.boot_ns);
  if (named) {
    AddPaths(kill);
    oom_.header_pid = 0;
  } else if (kill.group_announced) {
    oom_.group_ns = kill.boot_ns;
  } else {
    // The header was rate-limited away; the line itself still tells a memcg OOM from a global one.
    oom_ = Oom();
    oom_.context.sequence = stamp_;
    oom_.context.constraint = memcg ? Constraint::kMemcg : Constraint::kNone;
    oom_.known = memcg;
  }
  if (oom_.known) kill.oom = oom_.context;
}

std::optional<model::Kill> KmsgDecoder::ReadKill(std::string_view text, uint64_t boot_ns) {
  const bool memcg = text.starts_with("Memory cgroup out of memory");
  if (!memcg && !text.starts_with("Out of memory")) return std::nullopt;
  constexpr std::string_view kMark = ": Killed process ";
  const size_t mark = text.find(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  text.remove_prefix(mark + kMark.size());
  uint32_t tid = 0;
  if (!ConsumeNumber(text, tid) || tid == 0 || !base::ConsumePrefix(&text, " (")) {
    return std::nullopt;
  }
  // The comm may hold this mark itself; what follows it cannot.
  const size_t end = text.rfind(") total-vm:");
  if (end > kCommBytes) return std::nullopt;  // npos too
  model::Kill kill;
  kill.hook = {.name = "kmsg", .method = model::HookMethod::kKmsg};
  kill.boot_ns = boot_ns;
  kill.victim.tid = tid;
  kill.victim.comm = std::string(text.substr(0, end));
  text.remove_prefix(end + 2);
  model::ProcessMemory& memory = kill.victim.memory;
  memory.total_vm_bytes = ConsumeKilobytes(text, "total-vm:");
  memory.anon_rss_bytes = ConsumeKilobytes(text, ", anon-rss:");
  // More than a comm can hold: so that was its end. What follows is taken as far as it goes.
  if (!memory.total_vm_bytes || !memory.anon_rss_bytes) return std::nullopt;
  memory.file_rss_bytes = ConsumeKilobytes(text, ", file-rss:");
  memory.shmem_rss_bytes = ConsumeKilobytes(text, ", shmem-rss:");
  uint32_t uid = 0;
  const bool has_uid = base::ConsumePrefix(&text, ", UID:") && ConsumeNumber(text, uid);
  memory.page_table_bytes = ConsumeKilobytes(text, " pgtables:");
  if (has_uid && memory.page_table_bytes) kill.victim.uid = uid;  // else perhaps cut
  int32_t adjustment = 0;
  if (base::ConsumePrefix(&text, " oom_score_adj:") && ConsumeNumber(text, adjustment)) {
    kill.victim.oom_score_adj = adjustment;
  }
  AddContext(kill, memcg);
  return kill;
}

}  // namespace oomtrail::decode
