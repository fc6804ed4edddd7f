// Any bytes as a cgroup path: the rules of path_invariants.h hold.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/unit/resolve/path_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view path(reinterpret_cast<const char*>(bytes), size);
  const std::string_view broken = oomtrail::resolve::BrokenRule(path);
  if (!broken.empty()) {
    std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(broken.size()), broken.data());
    std::abort();
  }
  return 0;
}
