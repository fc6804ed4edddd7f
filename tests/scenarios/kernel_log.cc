#include "tests/scenarios/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

// /dev/kmsg shows what is not printable, and the backslash, as \xNN.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t byte = 0;
    if (text[i] == '\\' && text.substr(i, 2) == "\\x" && i + 3 < text.size() &&
        base::SimpleHexAtoi(text.substr(i + 2, 2), &byte)) {
      out += static_cast<char>(byte);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The number after the last `label`: a comm may hold one too, but comes before.
template <typename T>
T After(std::string_view text, std::string_view label) {
  T value{};
  const size_t at = text.rfind(label);
  if (at == std::string_view::npos) return value;
  text.remove_prefix(at + label.size());
  text = text.substr(0, text.find_first_not_of("-0123456789"));
  if (!base::SimpleAtoi(text, &value)) return T{};
  return value;
}

uint64_t Kilobytes(std::string_view text, std::string_view label) {
  return After<uint64_t>(text, label) * 1024;
}

// The path after the first `label`: the paths are our own, without commas, and the comm comes last.
std::string Path(std::string_view text, std::string_view label) {
  const size_t at = text.find(label);
  if (at == std::string_view::npos) return "";
  text.remove_prefix(at + label.size());
  return std::string(text.substr(0, text.find(',')));
}

std::string Constraint(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(','));
  if (word == "CONSTRAINT_MEMCG") return "memcg";
  if (word == "CONSTRAINT_NONE") return "none";
  if (word == "CONSTRAINT_CPUSET") return "cpuset";
  if (word == "CONSTRAINT_MEMORY_POLICY") return "mempolicy";
  return std::string(word);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelLog>> KernelLog::Open(Watch& watch) {
  base::UniqueFd fd(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok()) return base::ErrnoStatus(errno, "open /dev/kmsg");
  if (::lseek(fd.get(), 0, SEEK_END) < 0) return base::ErrnoStatus(errno, "seek /dev/kmsg");
  return std::unique_ptr<KernelLog>(new KernelLog(watch, std::move(fd)));
}

KernelLog::KernelLog(Watch& watch, base::UniqueFd fd) : watch_(watch), fd_(std::move(fd)) {
  watch_.Add(fd_.get(), [this] { Drain(); });
}

KernelLog::~KernelLog() { watch_.Remove(fd_.get()); }

void KernelLog::Clear() {
  Drain();
  kills_.clear();
}

const LogKill* KernelLog::Find(pid_t tid) const {
  const auto found = kills_.lower_bound(tid);
  return found != kills_.end() && found->first == tid ? &found->second : nullptr;
}

void KernelLog::Drain() {
  char record[8192];
  while (true) {
    const ssize_t got = ::read(fd_.get(), record, sizeof record);
    if (got > 0) {
      Read({record, static_cast<size_t>(got)});
    } else if (got < 0 && errno == EPIPE) {
      ++overruns_;
    } else if (got == 0 || errno != EINTR) {
      return;
    }
  }
}

void KernelLog::Read(std::string_view record) {
  const size_t semicolon = record.find(';');
  uint32_t priority = 0;
  if (semicolon == std::string_view::npos ||
      !base::SimpleAtoi(record.substr(0, record.find(',')), &priority) || priority >> 3 != 0) {
    return;
  }
  record.remove_prefix(semicolon + 1);
  ReadText(Unescape(record.substr(0, record.find('\n'))));
}

void KernelLog::ReadText(const std::string& text) {
  constexpr std::string_view kInvoked = " invoked oom-killer: gfp_mask=0x";
  constexpr std::string_view kHeader = "oom-kill:constraint=";
  if (const size_t at = text.rfind(kInvoked); at != std::string::npos) {
    header_.emplace();
    header_victim_.reset();
    group_ = false;
    ++headers_;
    header_->trigger_comm = text.substr(0, at);
    const std::string rest = text.substr(at + kInvoked.size());
    if (!base::SimpleHexAtoi(rest.substr(0, rest.find('(')), &header_->gfp)) header_->gfp = 0;
    header_->order = After<int32_t>(rest, ", order=");
  } else if (header_ && !header_victim_ && text.starts_with("CPU: ") &&
             base::StrContains(text, " PID: ")) {
    // "CPU: 1 UID: 0 PID: 123 Comm: …": a comm that looks the same comes after.
    std::string_view rest = std::string_view(text).substr(text.find(" PID: ") + 6);
    if (!base::SimpleAtoi(rest.substr(0, rest.find(' ')), &header_->trigger_tid)) return;
  } else if (header_ && text.starts_with("memory: usage ")) {
    header_->usage_bytes = Kilobytes(text, "usage ");
    header_->limit_bytes = Kilobytes(text, "limit ");
  } else if (header_ && text.starts_with(kHeader)) {
    header_->constraint = Constraint(std::string_view(text).substr(kHeader.size()));
    header_victim_ = After<pid_t>(text, ",pid=");
    header_->limit_path = Path(text, ",oom_memcg=");
    header_->victim_path = Path(text, ",task_memcg=");
  } else if (text.starts_with("Tasks in ") &&
             text.ends_with(" are going to be killed due to memory.oom.group set")) {
    group_ = true;
  } else {
    ReadKill(text);
  }
}

void KernelLog::ReadKill(std::string_view text) {
  constexpr std::string_view kKilled = ": Killed process ";
  const size_t at = text.find(kKilled);
  const size_t end = text.rfind(") total-vm:");
  if (at == std::string_view::npos || end == std::string_view::npos || end < at ||
      !(text.starts_with("Memory cgroup out of memory") || text.starts_with("Out of memory"))) {
    return;
  }
  const std::string_view named = text.substr(at + kKilled.size(), end - at - kKilled.size());
  const size_t open = named.find(" (");
  if (open == std::string_view::npos) return;
  const std::string_view sizes = text.substr(end);
  LogKill kill;
  if (!base::SimpleAtoi(named.substr(0, open), &kill.tid)) return;
  kill.comm = std::string(named.substr(open + 2));
  kill.total_vm_bytes = Kilobytes(sizes, "total-vm:");
  kill.anon_bytes = Kilobytes(sizes, "anon-rss:");
  kill.file_bytes = Kilobytes(sizes, "file-rss:");
  kill.shmem_bytes = Kilobytes(sizes, "shmem-rss:");
  kill.page_table_bytes = Kilobytes(sizes, "pgtables:");
  kill.uid = After<uid_t>(sizes, "UID:");
  kill.oom_score_adj = After<int>(sizes, "oom_score_adj:");
  if (header_ && header_victim_ == kill.tid) {
    kill.header = header_;
    group_ = false;
  }
  kill.group_member = group_;
  kills_.emplace(kill.tid, std::move(kill));
}

}  // namespace oomtrail::scenarios
