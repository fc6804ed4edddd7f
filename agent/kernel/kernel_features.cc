#include "agent/kernel/kernel_features.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::kernel {
namespace {

constexpr size_t kMaxStatusBytes = 64UL * 1024;

struct BtfDeleter {
  void operator()(btf* types) const { btf__free(types); }
};

// The typedef's type is a pointer to `void (void *, <argument>...)`.
MarkVictimArgument ReadMarkVictimArgument(const btf* types) {
  const int id = btf__find_by_name_kind(types, "btf_trace_mark_victim", BTF_KIND_TYPEDEF);
  if (id < 0) return MarkVictimArgument::kPid;
  const btf_type* pointer = btf__type_by_id(types, btf__type_by_id(types, id)->type);
  if (pointer == nullptr || !btf_is_ptr(pointer)) return MarkVictimArgument::kPid;
  const btf_type* function = btf__type_by_id(types, pointer->type);
  if (function == nullptr || !btf_is_func_proto(function) || btf_vlen(function) < 2) {
    return MarkVictimArgument::kPid;
  }
  const btf_type* argument = btf__type_by_id(types, btf_params(function)[1].type);
  return argument != nullptr && btf_is_ptr(argument) ? MarkVictimArgument::kTask
                                                     : MarkVictimArgument::kPid;
}

// For a tracepoint program: the one type of ours that every kernel can load.
bool HasHelper(bpf_func_id helper) {
  return libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT, helper, nullptr) == 1;
}

// An empty program at the entry or the return of a function; the errno of loading it, or 0. Absent
// where the kernel's types have no such function.
std::optional<int> TryEmptyProgram(const btf* types, const char* function, bpf_attach_type where) {
  const int id = btf__find_by_name_kind(types, function, BTF_KIND_FUNC);
  if (id <= 0) return std::nullopt;
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 0
  program[1].code = BPF_JMP | BPF_EXIT;
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = where);
  options.attach_btf_id = static_cast<uint32_t>(id);
  const base::UniqueFd loaded(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, nullptr, "GPL", program, std::size(program), &options));
  return loaded.ok() ? 0 : errno;
}

std::map<std::string, int> TryEmptyPrograms(const btf* types) {
  constexpr std::pair<const char*, bpf_attach_type> kPlaces[] = {
      {"__oom_kill_process", BPF_TRACE_FENTRY},
      {"oom_kill_process", BPF_TRACE_FENTRY},
      {"oom_kill_process", BPF_TRACE_FEXIT},
      {"mem_cgroup_out_of_memory", BPF_TRACE_FEXIT},
  };
  std::map<std::string, int> refused;
  for (const auto& [function, where] : kPlaces) {
    const auto error = TryEmptyProgram(types, function, where);
    if (error.value_or(0) == 0) continue;
    refused[base::StrCat(where == BPF_TRACE_FENTRY ? "fentry/" : "fexit/", function)] = *error;
  }
  return refused;
}

// CONFIG_KPROBES=n: neither of the two ways there are.
bool HasNoKprobes() {
  return ::access("/sys/bus/event_source/devices/kprobe/type", F_OK) != 0 &&
         ::access("/sys/kernel/tracing/kprobe_events", F_OK) != 0 &&
         ::access("/sys/kernel/debug/tracing/kprobe_events", F_OK) != 0;
}

bool HasCapability(uint64_t effective, int capability) {
  return ((effective >> capability) & 1) != 0;
}

uint64_t EffectiveCapabilities() {
  const auto status = base::ReadFile("/proc/self/status", kMaxStatusBytes);
  if (!status.ok()) return 0;
  for (std::string_view line : base::StrSplit(*status, '\n')) {
    uint64_t mask = 0;
    if (base::ConsumePrefix(&line, "CapEff:\t") && base::SimpleHexAtoi(line, &mask)) return mask;
  }
  return 0;
}

// A mount of securityfs that no directory shows and that goes with its descriptor: many nodes, and
// most containers, have none mounted.
base::UniqueFd MountSecurityFs() {
  base::UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "securityfs", FSOPEN_CLOEXEC)));
  if (!context.ok() ||
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return base::UniqueFd();
  }
  return base::UniqueFd(
      static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
}

absl::StatusOr<std::string> ReadSecurityFile(const std::string& name) {
  constexpr size_t kMaxBytes = 256;
  auto content = base::ReadFile("/sys/kernel/security/" + name, kMaxBytes);
  if (content.ok()) return content;
  const base::UniqueFd mount = MountSecurityFs();
  return mount.ok() ? base::ReadFileAt(mount.get(), name, kMaxBytes) : content;
}

// "none [integrity] confidentiality" → "integrity".
std::optional<std::string> ReadLockdown() {
  const auto modes = ReadSecurityFile("lockdown");
  if (!modes.ok()) return std::nullopt;
  const size_t open = modes->find('[');
  const size_t close = modes->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  return modes->substr(open + 1, close - open - 1);
}

}  // namespace

KernelFeatures ProbeKernelFeatures() {
  KernelFeatures features;
  features.page_size = static_cast<uint32_t>(::sysconf(_SC_PAGESIZE));
  std::unique_ptr<btf, BtfDeleter> types(btf__load_vmlinux_btf());
  if (types == nullptr) {
    features.btf_error = std::string(base::ErrnoStatus(errno, "read the kernel's BTF").message());
    return features;
  }
  features.btf = true;
  features.mark_victim = ReadMarkVictimArgument(types.get());
  features.rdonly_cast = btf__find_by_name_kind(types.get(), "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
  features.snprintf = HasHelper(BPF_FUNC_snprintf);
  features.probe_read = HasHelper(BPF_FUNC_probe_read_kernel);
  features.current_btf = HasHelper(BPF_FUNC_get_current_task_btf);
  features.refused_loads = TryEmptyPrograms(types.get());
  features.no_kprobes = HasNoKprobes();
  return features;
}

NodeSecurity ProbeNodeSecurity() {
  NodeSecurity security;
  security.lockdown = ReadLockdown();
  if (auto lsms = ReadSecurityFile("lsm"); lsms.ok()) {
    security.lsms = std::string(base::StripSuffix(*lsms, "\n"));
  }
  const uint64_t effective = EffectiveCapabilities();
  security.privileged_for_bpf =
      HasCapability(effective, CAP_SYS_ADMIN) ||
      (HasCapability(effective, CAP_BPF) && HasCapability(effective, CAP_PERFMON));
  security.can_open_handles = HasCapability(effective, CAP_DAC_READ_SEARCH);
  security.tracefs_mounted = ::access("/sys/kernel/tracing/events", F_OK) == 0 ||
                             ::access("/sys/kernel/debug/tracing/events", F_OK) == 0;
  utsname names{};
  if (::uname(&names) == 0) security.kernel_release = names.release;
  return security;
}

}  // namespace oomtrail::kernel
