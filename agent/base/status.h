// The one error idiom: absl::Status / absl::StatusOr, context added once a layer.
//
// A message reads "what, where: cause", for example "read /x/cgroup.procs: ENOENT (No such file
// or directory)". Nothing here throws; every function may be called from any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oomtrail::base {

// "<what>: ENOENT (No such file or directory)", with the absl code nearest to `error`.
absl::Status ErrnoStatus(int error, std::string_view what);

// "EPERM", "ENOENT", … for a positive errno; "errno 4711" for one without a name.
std::string ErrnoName(int error);

// The status with "<context>: " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace oomtrail::base

#define OOMTRAIL_CONCAT_(a, b) a##b
#define OOMTRAIL_CONCAT(a, b) OOMTRAIL_CONCAT_(a, b)

#define RETURN_IF_ERROR(expression)                           \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_(OOMTRAIL_CONCAT(result_, __LINE__), declaration, expression)

#define ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                              \
  if (!result.ok()) {                                      \
    return result.status();                                \
  }                                                        \
  declaration = *std::move(result)
