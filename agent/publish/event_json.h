// The one JSON form of an event: log line, -o json and every sink show this object.
//
// docs/events.schema.json describes it and a test holds the two together. Pure, thread-safe.
#pragma once

#include <string>

#include "agent/model/event.h"

namespace oomtrail::publish {

// One line without a newline. snake_case, numbers as numbers, what is unknown absent; every name is
// printable (base/printable.h), so the line is valid UTF-8 whatever the kernel or a pod says.
std::string ToJson(const model::Event& event);

}  // namespace oomtrail::publish
