#include "agent/api/node_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "agent/api/request.h"
#include "agent/api/usage_wire.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/publish/event_proto.h"

namespace oomtrail::api {
namespace {

using base::Printable;
using publish::SetTime;

void AddHook(const kernel::HookReport& report, v1::HookStatus* out) {
  out->set_hook(std::string(Name(report.hook)));
  if (report.chosen) out->set_method(publish::ToProto(*report.chosen));
  out->set_pinned(report.pinned);
  for (const kernel::Attempt& attempt : report.attempts) {
    if (attempt.error == 0) continue;
    out->add_refusals(base::StrCat(Name(attempt.method), ": ", Answer(attempt)));
  }
}

void AddSource(const attribute::SourceState& source, v1::NameSourceStatus* out) {
  out->set_name(Printable(source.name));
  out->set_where(Printable(source.where));
  out->set_answers(source.last_success_wall_ns.has_value() && source.failures_in_a_row == 0);
  out->set_error(Printable(source.last_error));
  if (source.last_success_wall_ns) {
    SetTime(*source.last_success_wall_ns, out->mutable_last_success());
  }
  out->set_containers(source.containers);
}

void AddJournal(const publish::Stream& stream, v1::JournalStatus* out) {
  const journal::JournalState state = stream.journal().state();
  out->set_directory(Printable(state.directory));
  out->set_events(state.events);
  out->set_bytes(state.bytes);
  out->set_oldest_cursor(stream.CursorAt(state.oldest - 1));
  out->set_newest_cursor(stream.CursorAt(state.head));
  out->set_error(Printable(state.error));
  out->set_unwritten(state.unwritten);
}

void AddContainer(const attribute::FoundContainer& found, v1::KnownContainer* out) {
  // The same renderings as of an event's.
  model::Event event;
  event.identity.container_id = found.id;
  event.identity.pod_uid = found.cgroup_uid;
  event.pod = found.pod;
  event.container = found.facts;
  v1::Event message;
  publish::ToProto(event, &message);
  out->mutable_pod()->Swap(message.mutable_pod());
  out->mutable_container()->Swap(message.mutable_container());
  for (const std::string& source : found.sources) out->add_sources(Printable(source));
  out->set_gone(found.gone);
}

grpc::Status List(const attribute::PodDirectory& directory,
                  const v1::ListContainersRequest& request, v1::ListContainersResponse& response) {
  Violations violations;
  CheckValues(request.namespaces(), "namespaces", violations);
  const uint32_t page_size = ReadPageSize(request.page_size(), violations);
  if (!request.page_token().empty() && !model::ContainerId::Parse(request.page_token())) {
    violations.Add("page_token", "is not the next_page_token of a page");
  }
  if (!violations.empty()) return violations.ToStatus();

  std::vector<attribute::FoundContainer> found = directory.Listed();
  std::erase_if(found, [&](const attribute::FoundContainer& container) {
    const auto& wanted = request.namespaces();
    return container.sandbox || container.id.str() <= request.page_token() ||
           (!wanted.empty() && std::ranges::find(wanted, container.pod.ns) == wanted.end());
  });
  std::ranges::sort(found, {}, [](const auto& container) { return container.id.str(); });
  const size_t count = std::min<size_t>(found.size(), page_size);
  for (size_t i = 0; i < count; ++i) AddContainer(found[i], response.add_containers());
  if (count < found.size()) response.set_next_page_token(found[count - 1].id.str());
  return grpc::Status::OK;
}

}  // namespace

grpc::ServerUnaryReactor* NodeService::GetNodeStatus(grpc::CallbackServerContext* context,
                                                     const v1::GetNodeStatusRequest* /*request*/,
                                                     v1::GetNodeStatusResponse* response) {
  const publish::NodeStatus status = agent_.status();
  response->set_node(Printable(status.node));
  response->set_version(status.version);
  response->set_kernel(Printable(status.kernel));
  response->set_cgroup_version(static_cast<uint32_t>(status.cgroup_version));
  SetTime(status.start_wall_ns, response->mutable_start_time());
  for (const kernel::HookReport& report : status.hooks) AddHook(report, response->add_hooks());
  for (const auto& source : status.sources) AddSource(source, response->add_name_sources());
  response->set_containers(status.containers);
  AddJournal(stream_, response->mutable_journal());
  response->set_subscribers(static_cast<uint32_t>(stream_.subscribers()));
  for (const auto& [stage, count] : status.losses) {
    v1::Loss* loss = response->add_losses();
    loss->set_stage(stage);
    loss->set_count(count);
  }
  response->set_events(status.events);
  for (const auto& [reason, count] : status.unattributed) {
    (*response->mutable_unattributed())[reason] = count;
  }
  if (status.lookout) AddLookout(*status.lookout, response->mutable_lookout());
  AddTracking(status.tracking, status.tracked, response->mutable_tracking());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* NodeService::ListContainers(grpc::CallbackServerContext* context,
                                                      const v1::ListContainersRequest* request,
                                                      v1::ListContainersResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(List(directory_, *request, *response));
  return reactor;
}

grpc::ServerUnaryReactor* NodeService::ListUsage(grpc::CallbackServerContext* context,
                                                 const v1::ListUsageRequest* request,
                                                 v1::ListUsageResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(api::ListUsage(agent_.usage(), directory_, *request, *response));
  return reactor;
}

// A unix socket is root's, by its mode; a certificate is somebody's who is named.
bool NodeService::MayChange(const grpc::CallbackServerContext& context) const {
  if (context.peer().starts_with("unix:")) return true;
  const auto who = context.auth_context();
  return names_clients_ && who != nullptr && who->IsPeerAuthenticated();
}

grpc::ServerUnaryReactor* NodeService::SetTracking(grpc::CallbackServerContext* context,
                                                   const v1::SetTrackingRequest* request,
                                                   v1::SetTrackingResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!MayChange(*context)) {
    reactor->Finish({grpc::StatusCode::PERMISSION_DENIED,
                     "only over the agent's unix socket, or with a certificate that --tls-allow "
                     "names"});
    return reactor;
  }
  Violations violations;
  const kernel::TrackingOptions options = ReadTracking(*request, violations);
  if (!violations.empty()) {
    reactor->Finish(violations.ToStatus());
    return reactor;
  }
  const absl::Status set = agent_.set_tracking(options, request->seconds());
  if (!set.ok()) {
    reactor->Finish(
        {static_cast<grpc::StatusCode>(set.raw_code()), Printable(std::string(set.message()))});
    return reactor;
  }
  const publish::NodeStatus status = agent_.status();
  AddTracking(status.tracking, status.tracked, response->mutable_tracking());
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace oomtrail::api
