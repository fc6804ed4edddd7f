// What the journal keeps of one event. A value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace oomtrail::journal {

// The payload is the event in whatever form the layer above chose; the journal never looks inside.
struct Entry {
  uint64_t sequence = 0;
  int64_t wall_ns = 0;
  std::string id;  // with `revision`, what makes an event the same one
  uint32_t revision = 0;
  std::shared_ptr<const std::string> payload;

  size_t bytes() const { return sizeof(Entry) + id.size() + (payload ? payload->size() : 0); }
};

}  // namespace oomtrail::journal
