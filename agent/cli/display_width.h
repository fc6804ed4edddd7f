// How wide text is on a terminal, for columns. The text is valid UTF-8 (base/printable.h). Pure,
// thread-safe, and of no locale: a container image has none.
#pragma once

#include <string>
#include <string_view>

namespace oomtrail::cli {

// East Asian wide characters and emoji take two columns, combining marks none.
int DisplayWidth(std::string_view text);

enum class Align { kLeft, kRight };

// Exactly `columns` wide: padded, or cut with a "…" at its end. At least 1.
std::string Fit(std::string_view text, int columns, Align align = Align::kLeft);

}  // namespace oomtrail::cli
