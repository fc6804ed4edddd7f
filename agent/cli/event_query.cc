#include "agent/cli/event_query.h"

#include <string>

#include "agent/publish/event_proto.h"

namespace oomtrail::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr uint32_t kPageSize = 500;

// Never before the epoch: ParseSince sees to it.
void SetTime(int64_t wall_ns, google::protobuf::Timestamp* out) {
  out->set_seconds(wall_ns / kNanosPerSecond);
  out->set_nanos(static_cast<int32_t>(wall_ns % kNanosPerSecond));
}

template <typename Request>
void SetSelection(const publish::EventSelection& selection, Request* request) {
  for (const auto& filter : selection.allow) *request->add_allow() = ToProto(filter);
  for (const auto& filter : selection.deny) *request->add_deny() = ToProto(filter);
}

}  // namespace

v1::Filter ToProto(const publish::EventFilter& filter) {
  v1::Filter out;
  for (const std::string& name : filter.namespaces) out.add_namespaces(name);
  for (const std::string& name : filter.pods) out.add_pods(name);
  for (const std::string& name : filter.containers) out.add_containers(name);
  for (const auto& [key, value] : filter.labels) (*out.mutable_labels())[key] = value;
  for (const std::string& name : filter.workloads) out.add_workloads(name);
  for (const model::Scope scope : filter.scopes) out.add_scopes(publish::ToProto(scope));
  for (const model::Kind kind : filter.kinds) out.add_kinds(publish::ToProto(kind));
  return out;
}

v1::ListEventsRequest ListRequest(const EventOptions& options) {
  v1::ListEventsRequest request;
  SetSelection(options.selection, &request);
  if (options.since_wall_ns) SetTime(*options.since_wall_ns, request.mutable_since());
  request.set_number(options.last);
  request.set_page_size(kPageSize);
  request.set_page_token(options.cursor);
  return request;
}

v1::WatchEventsRequest WatchRequest(const EventOptions& options, std::string_view cursor) {
  v1::WatchEventsRequest request;
  SetSelection(options.selection, &request);
  request.set_follow(true);
  if (!cursor.empty()) {
    request.set_cursor(std::string(cursor));
    return request;
  }
  if (options.since_wall_ns) SetTime(*options.since_wall_ns, request.mutable_since());
  request.set_number(options.last);
  return request;
}

}  // namespace oomtrail::cli
