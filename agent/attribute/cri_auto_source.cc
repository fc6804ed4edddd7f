#include "agent/attribute/cri_auto_source.h"

#include <optional>
#include <utility>
#include <vector>

#include "agent/attribute/cri_endpoint.h"

namespace oomtrail::attribute {

CriAutoSource::CriAutoSource(CriOptions options, std::string root)
    : options_(std::move(options)), root_(std::move(root)), where_("auto") {}

bool CriAutoSource::Present() {
  if (seen_) return true;
  const auto found = DetectCriEndpoints(root_);
  if (found.empty()) return false;
  seen_ = true;
  where_ = "unix://" + found.front();
  return true;
}

CriSource* CriAutoSource::Use(const std::string& socket_path) {
  base::MutexLock lock(mutex_);
  if (cancelled_) return nullptr;
  if (current_ == nullptr || socket_path_ != socket_path) {
    CriOptions options = options_;
    options.socket_path = socket_path;
    current_ = std::make_unique<CriSource>(std::move(options));
    socket_path_ = socket_path;
  }
  return current_.get();
}

absl::StatusOr<Listing> CriAutoSource::List() {
  if (settled_) return current_->List();
  std::optional<absl::StatusOr<Listing>> best;
  for (const std::string& socket_path : DetectCriEndpoints(root_)) {
    CriSource* source = Use(socket_path);
    if (source == nullptr) return absl::CancelledError("the agent is stopping");
    auto listing = source->List();
    // The agent's own pod is in the listing of the right one.
    settled_ = listing.ok() && !listing->pods.empty();
    if (settled_ || !best || (listing.ok() && !best->ok())) {
      best = std::move(listing);
      where_ = source->where();
    }
    if (settled_) break;
  }
  if (best) return *std::move(best);
  return absl::UnavailableError("cri " + where_ +
                                ": no such socket; is the runtime running, and its socket's "
                                "directory mounted into this container?");
}

void CriAutoSource::Cancel() {
  base::MutexLock lock(mutex_);
  cancelled_ = true;
  if (current_ != nullptr) current_->Cancel();
}

}  // namespace oomtrail::attribute
