// What watch and list were told, as the API's requests. Pure, thread-safe.
#pragma once

#include <string_view>

#include "agent/cli/options.h"
#include "agent/publish/event_filter.h"
#include "oomtrail/v1/event_service.pb.h"

namespace oomtrail::cli {

v1::Filter ToProto(const publish::EventFilter& filter);

// The first page's; the pages after it take a token in place of `since` and `number`.
v1::ListEventsRequest ListRequest(const EventOptions& options);

// Without a cursor it begins where the options say.
v1::WatchEventsRequest WatchRequest(const EventOptions& options, std::string_view cursor);

}  // namespace oomtrail::cli
