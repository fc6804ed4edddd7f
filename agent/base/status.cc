#include "agent/base/status.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "agent/base/strings.h"

namespace oomtrail::base {

std::string ErrnoName(int error) {
  // glibc's own table; null for a number it does not know.
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : StrCat("errno ", error);
}

absl::Status ErrnoStatus(int error, std::string_view what) {
  std::string message = StrCat(what, ": ", ErrnoName(error));
  if (const char* description = strerrordesc_np(error)) StrAppend(&message, " (", description, ")");
  return absl::Status(absl::ErrnoToStatusCode(error), message);
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat(context, ": ", status.message()));
}

}  // namespace oomtrail::base
