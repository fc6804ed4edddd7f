// Any bytes as a ring record: refused, or decoded into what the kernel could have meant.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/decode/record_decoder.h"
#include "bpf/events.h"

namespace {

using oomtrail::model::MemcgChain;

void Require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

void Check(const MemcgChain& chain) {
  Require(chain.levels.size() <= OT_MAX_LEVELS, "no more levels than a record has");
  for (const auto& level : chain.levels) {
    Require(level.name.size() < OT_NAME_BYTES, "a name is a whole one");
    Require(level.name.find('/') == std::string::npos, "a name is one directory's");
    Require(level.usage_bytes || !(level.oom_group || level.limit_bytes || level.oom_count),
            "counters come together");
  }
  for (size_t level = 0; level < chain.levels.size(); ++level) {
    const std::string path = chain.Path(level);
    Require(path.empty() == !(chain.complete && chain.named), "a path needs every name");
    Require(path.empty() || path.starts_with('/'), "a path is absolute");
    Require(path.find("//") == std::string::npos, "a path has no empty names");
  }
}

void Check(const oomtrail::model::Kill& kill) {
  Check(kill.memcg);
  Require(kill.victim.comm.size() <= OT_COMM_BYTES, "a comm fits its field");
  Require(!kill.hook.name.empty(), "a hook has a name");
  Require(kill.memcg_path.empty() && kill.limit_path.empty(), "a ring record has ids, not paths");
}

void Check(const oomtrail::model::OomWithoutKill& oom) { Check(oom.memcg); }

void Check(const oomtrail::model::CgroupChange& change) {
  Require(change.name.find('/') == std::string::npos, "a name is one directory's");
}

void Decode(const std::vector<std::byte>& bytes) {
  const auto record = oomtrail::decode::DecodeRecord(bytes);
  if (!record.ok()) {
    Require(!record.status().message().empty(), "a refusal says why");
    return;
  }
  std::visit([](const auto& value) { Check(value); }, *record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(input);
  std::vector<std::byte> bytes(begin, begin + size);
  Decode(bytes);
  // Mutations seldom keep the length right, and nothing behind that check would be seen.
  if (size < sizeof(ot_header)) return 0;
  const auto length = static_cast<uint32_t>(size);
  std::memcpy(bytes.data() + offsetof(ot_header, length), &length, sizeof length);
  Decode(bytes);
  return 0;
}
