// Any bytes as the names and numbers of an event: the rules of event_invariants.h hold for its
// lines.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/unit/publish/event_invariants.h"

namespace {

void Check(std::string_view broken) {
  if (broken.empty()) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(broken.size()), broken.data());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (oomtrail::publish::Unescape(oomtrail::base::Printable(text)) != text) {
    Check("Printable() is reversible");
  }
  const auto event = oomtrail::publish::EventMaker(text).Make();
  Check(oomtrail::publish::BrokenJsonRule(event));
  Check(oomtrail::publish::BrokenTextRule(event));
  Check(oomtrail::publish::BrokenProtoRule(event));
  return 0;
}
