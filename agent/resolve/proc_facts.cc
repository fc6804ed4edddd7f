#include "agent/resolve/proc_facts.h"

#include <limits>
#include <vector>

#include "agent/base/file.h"
#include "agent/base/strings.h"

namespace oomtrail::resolve {
namespace {

constexpr size_t kMaxBytes = 64UL * 1024;

// The path in "<hierarchy>:<controllers>:<path>" of the hierarchy with the memory controller.
std::string MemoryPath(std::string_view table, const CgroupMount& mount) {
  for (const std::string_view line : base::StrSplit(table, '\n')) {
    const std::vector<std::string_view> fields = base::StrSplit(line, ':', 3);
    uint32_t hierarchy = 0;
    if (fields.size() != 3 || !base::SimpleAtoi(fields[0], &hierarchy)) continue;
    if (hierarchy != mount.hierarchy) continue;
    std::string_view path = fields[2];
    base::ConsumeSuffix(&path, " (deleted)");
    if (!path.starts_with("/") || path.starts_with("/..")) return "";
    if (mount.version == 1 && path == "/") return "";
    return std::string(path);
  }
  return "";
}

// Field 22 of "<tid> (<comm>) <state> <ppid> …": clock ticks since boot. The comm may hold
// anything.
std::optional<uint64_t> StartBootNs(std::string_view stat) {
  constexpr size_t kFieldsBetween = 19;
  constexpr uint64_t kNsPerTick = 10'000'000;  // USER_HZ is 100 on every architecture we build for
  const size_t comm_end = stat.rfind(") ");
  if (comm_end == std::string_view::npos) return std::nullopt;
  const auto fields = base::StrSplit(stat.substr(comm_end + 2), ' ', kFieldsBetween + 2);
  uint64_t ticks = 0;
  if (fields.size() < kFieldsBetween + 2 || !base::SimpleAtoi(fields[kFieldsBetween], &ticks) ||
      ticks > std::numeric_limits<uint64_t>::max() / kNsPerTick) {
    return std::nullopt;
  }
  return ticks * kNsPerTick;
}

std::string ReadComm(const std::string& proc_root, uint32_t tid) {
  const auto comm = base::ReadFile(base::StrCat(proc_root, "/", tid, "/comm"), kMaxBytes);
  return comm.ok() ? std::string(base::StripSuffix(*comm, "\n")) : "";
}

}  // namespace

std::optional<ProcFacts> ReadProcFacts(const std::string& proc_root, const CgroupMount& mount,
                                       uint32_t tid) {
  const std::string directory = base::StrCat(proc_root, "/", tid);
  // The cgroup first: it is what goes away first.
  const auto cgroup = base::ReadFile(directory + "/cgroup", kMaxBytes);
  const auto status = base::ReadFile(directory + "/status", kMaxBytes);
  const auto stat = base::ReadFile(directory + "/stat", kMaxBytes);
  if (!cgroup.ok() || !status.ok() || !stat.ok()) return std::nullopt;
  ProcFacts facts;
  facts.memcg_path = MemoryPath(*cgroup, mount);
  for (std::string_view line : base::StrSplit(*status, '\n')) {
    if (base::ConsumePrefix(&line, "Tgid:\t") && base::SimpleAtoi(line, &facts.tgid)) break;
  }
  const auto start = StartBootNs(*stat);
  if (facts.tgid == 0 || !start) return std::nullopt;
  facts.start_boot_ns = *start;
  facts.thread_comm = ReadComm(proc_root, tid);
  facts.comm = facts.tgid == tid ? facts.thread_comm : ReadComm(proc_root, facts.tgid);
  return facts;
}

}  // namespace oomtrail::resolve
