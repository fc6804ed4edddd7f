// An agent's own state as its status command shows it. The answer is untrusted; what is returned is
// printable. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "oomtrail/v1/node_service.pb.h"

namespace oomtrail::cli {

// Several aligned lines. Only trouble has a colour, and a "!" before it.
std::string NodeStatusText(const v1::GetNodeStatusResponse& status, int64_t now_wall_ns,
                           bool color);

// One line without a newline: the message's fields under their names, numbers as numbers, what is
// not known absent.
std::string NodeStatusJson(const v1::GetNodeStatusResponse& status);

}  // namespace oomtrail::cli
