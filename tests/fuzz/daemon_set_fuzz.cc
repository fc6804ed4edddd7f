// Whatever text is taken for a DaemonSet of the API server's: it is read or refused.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/attribute/daemon_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto state = oomtrail::attribute::ParseDaemonSet(text);
  if (state.ok() && text.find("DaemonSet") == text.npos && text.find('\\') == text.npos)
    std::abort();
  return 0;
}
