// Any bytes as a kernel log, a record a line: what one line leaves behind meets the next.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "agent/decode/kmsg_decoder.h"

namespace {

void Require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

void Check(const oomtrail::model::Kill& kill) {
  Require(kill.victim.tid.value_or(0) != 0, "a victim has an id");
  Require(kill.victim.comm.size() <= 15, "a comm has at most 15 bytes");
  Require(kill.victim.memory.total_vm_bytes && kill.victim.memory.anon_rss_bytes,
          "a comm's end is certain");
  Require(kill.memcg_path.empty() || kill.memcg_path.starts_with('/'), "a path is absolute");
  Require(kill.limit_path == "/" || kill.memcg_path.starts_with(kill.limit_path),
          "a limit is above its victim");
  Require(kill.memcg_path.empty() || kill.oom, "a path comes from a header");
  if (!kill.oom) return;
  using oomtrail::model::Constraint;
  Require(kill.limit_path.empty() || kill.oom->constraint == Constraint::kMemcg,
          "only a cgroup has a limit");
  Require(!kill.oom->limit_memcg.known(), "the log has paths, not ids");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  std::string_view log(reinterpret_cast<const char*>(input), size);
  oomtrail::decode::KmsgDecoder decoder;
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size() - 1) + 1;
    if (const auto kill = decoder.Feed(log.substr(0, end))) Check(*kill);
    log.remove_prefix(end);
  }
  return 0;
}
