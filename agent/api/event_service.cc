#include "agent/api/event_service.h"

#include <memory>
#include <string>
#include <utility>

#include "agent/api/request.h"
#include "agent/api/watch_reactor.h"
#include "agent/publish/event_proto.h"

namespace oomtrail::api {
namespace {

// Less than the 4 MiB that clients take by default.
constexpr size_t kMaxPageBytes = 1UL << 20;
// A filter that matches nothing reads so many stretches of the journal a call; the client goes on
// from the token.
constexpr int kMaxBookmarks = 8;

}  // namespace

grpc::Status EventService::ReadWatch(const v1::WatchEventsRequest& request,
                                     publish::SubscriptionOptions& options) const {
  Violations violations;
  options.follow = request.follow();
  options.selection = ReadSelection(request.allow(), request.deny(), violations);
  if (request.has_cursor()) {
    if (request.number() != 0) {
      violations.Add("number",
                     "cannot be given with a cursor, which continues with the next event");
    }
    if (!violations.empty()) return violations.ToStatus();
    return ReadCursor(stream_, request.cursor(), "cursor", &options.after);
  }
  int64_t since_ns = 0;
  if (request.has_since()) since_ns = ReadTime(request.since(), "since", violations);
  if (!violations.empty()) return violations.ToStatus();
  if (request.has_since()) {
    options.after = stream_.journal().BeforeTime(since_ns);
  } else if (request.number() == 0) {
    options.after = stream_.journal().head();
  }
  if (request.number() != 0) {
    options.after = stream_.BeforeNewest(request.number(), options.after, options.selection);
  }
  // What is said to be read is not held any more: nobody is told of a loss that is none.
  options.after = std::max(options.after, stream_.journal().state().oldest - 1);
  return grpc::Status::OK;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventService::WatchEvents(
    grpc::CallbackServerContext* /*context*/, const grpc::ByteBuffer* request) {
  v1::WatchEventsRequest message;
  grpc::ByteBuffer bytes = *request;  // by reference: reading it consumes it
  if (!grpc::SerializationTraits<v1::WatchEventsRequest>::Deserialize(&bytes, &message).ok()) {
    return RefuseWatch({grpc::StatusCode::INVALID_ARGUMENT, "not a WatchEventsRequest"});
  }
  publish::SubscriptionOptions options;
  if (const grpc::Status status = ReadWatch(message, options); !status.ok()) {
    return RefuseWatch(status);
  }
  grpc::Status status;
  auto watch = WatchReactor::Begin(stream_, clock_, std::move(options), &status);
  if (watch == nullptr) return RefuseWatch(status);
  const base::MutexLock lock(mutex_);
  // Those that have ended are no more than those that came.
  std::erase_if(watches_, [](const auto& ended) { return ended.expired(); });
  watches_.push_back(watch);
  return watch.get();
}

void EventService::EndWatches() {
  std::vector<std::weak_ptr<WatchReactor>> watches;
  {
    const base::MutexLock lock(mutex_);
    watches.swap(watches_);
  }
  for (const auto& watch : watches) {
    if (const auto alive = watch.lock()) alive->End();
  }
}

grpc::Status EventService::List(const v1::ListEventsRequest& request,
                                v1::ListEventsResponse& response) {
  Violations violations;
  publish::SubscriptionOptions options;
  options.selection = ReadSelection(request.allow(), request.deny(), violations);
  const uint32_t page_size = ReadPageSize(request.page_size(), violations);
  int64_t since_ns = 0;
  if (request.has_since()) since_ns = ReadTime(request.since(), "since", violations);
  if (request.number() > kMaxPage)
    violations.Add("number", "is more than the 1000 that are allowed");
  if (!request.page_token().empty() && (request.has_since() || request.number() != 0)) {
    violations.Add("page_token", "continues a page: since and number belong to the first one");
  }
  if (!violations.empty()) return violations.ToStatus();
  if (!request.page_token().empty()) {
    auto status = ReadCursor(stream_, request.page_token(), "page_token", &options.after);
    if (!status.ok()) return status;
  } else {
    options.after = stream_.journal().state().oldest - 1;
    if (request.has_since()) {
      options.after = std::max(options.after, stream_.journal().BeforeTime(since_ns));
    }
    if (request.number() != 0) {
      options.after = stream_.BeforeNewest(request.number(), options.after, options.selection);
    }
  }
  auto subscription = stream_.Subscribe(std::move(options), [] {});
  if (!subscription.ok()) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, std::string(subscription.status().message())};
  }
  size_t bytes = 0;
  int bookmarks = 0;
  uint64_t position = 0;
  while (const auto item = (*subscription)->Take()) {
    position = item->sequence;
    if (item->kind == publish::StreamItem::Kind::kBookmark) {
      if (++bookmarks == kMaxBookmarks) break;
      continue;
    }
    if (item->kind != publish::StreamItem::Kind::kEvent) {
      response.set_lost(response.lost() + item->count);
      continue;
    }
    v1::ListedEvent* listed = response.add_events();
    publish::ToProto(*item->event, listed->mutable_event());
    listed->set_cursor(item->event->cursor);
    bytes += listed->ByteSizeLong();
    if (static_cast<uint32_t>(response.events_size()) == page_size || bytes >= kMaxPageBytes) break;
  }
  response.set_cursor(stream_.CursorAt(position));
  if (!(*subscription)->ended()) response.set_next_page_token(response.cursor());
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* EventService::ListEvents(grpc::CallbackServerContext* context,
                                                   const v1::ListEventsRequest* request,
                                                   v1::ListEventsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(List(*request, *response));
  return reactor;
}

}  // namespace oomtrail::api
