// Hostile bytes made safe for a terminal, a log file and JSON. Thread-safe, pure.
#pragma once

#include <string>
#include <string_view>

namespace oomtrail::base {

// `bytes` as valid UTF-8 without anything a terminal would act on: control characters (C0, DEL,
// C1), bytes that are not UTF-8, line and paragraph separators and bidirectional controls become
// \xNN a byte. Other text is unchanged, so systemd's own "\x2d" in a unit name stays as it is; only
// a backslash that already reads like an escape written here becomes \x5c, which keeps the mapping
// reversible.
std::string Printable(std::string_view bytes);

// The bytes that Printable() was given. Text that it did not make comes back as it is.
std::string FromPrintable(std::string_view text);

}  // namespace oomtrail::base
