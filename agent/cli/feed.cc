#include "agent/cli/feed.h"

#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "bpf/events.h"

namespace oomtrail::cli {

absl::StatusOr<std::unique_ptr<Feed>> Feed::Open(Node& node, const base::Log& log,
                                                 EventLoop& loop) {
  auto feed = std::unique_ptr<Feed>(new Feed(node, log));
  if (node.hooks != nullptr && node.hooks->kills_ring_fd() >= 0) {
    RETURN_IF_ERROR(feed->OpenRings(loop));
  }
  if (node.sees_victims()) {
    feed->method_ = *node.hooks->report(kernel::Hook::kVictim).chosen;
    return feed;
  }
  RETURN_IF_ERROR(feed->OpenKmsg(loop));
  return feed;
}

absl::Status Feed::OpenRings(EventLoop& loop) {
  const auto on_record = [this](std::span<const std::byte> record) {
    Record(kernel::FrameKind::kRing, record);
    pipeline_->OnRingRecord(record);
  };
  ASSIGN_OR_RETURN(kills_, kernel::RingReader::Open(node_.hooks->kills_ring_fd(), on_record));
  ASSIGN_OR_RETURN(hints_, kernel::RingReader::Open(node_.hooks->hints_ring_fd(), on_record));
  // Hints first: they name the cgroups of the kills behind them.
  RETURN_IF_ERROR(loop.Watch(hints_->fd(), [this] { hints_->Drain(); }));
  return loop.Watch(kills_->fd(), [this] { kills_->Drain(); });
}

absl::Status Feed::OpenKmsg(EventLoop& loop) {
  const auto on_record = [this](std::string_view record) {
    Record(kernel::FrameKind::kKmsg, std::as_bytes(std::span(record)));
    pipeline_->OnKmsgRecord(record, node_.index->clock().BootNanos());
  };
  ASSIGN_OR_RETURN(kmsg_, kernel::KmsgReader::Open("/dev/kmsg", on_record));
  return loop.Watch(kmsg_->fd(), [this] { kmsg_overruns_ += kmsg_->Drain(); });
}

void Feed::RecordTo(std::unique_ptr<kernel::RecordingWriter> recording) {
  recording_ = std::move(recording);
}

void Feed::Record(kernel::FrameKind kind, std::span<const std::byte> payload) {
  if (recording_ == nullptr) return;
  if (const auto status = recording_->Append(kind, payload); !status.ok()) {
    log_.Error(base::StrCat("recording ends here: ", status.message()));
    recording_.reset();
  }
}

void Feed::Drain() {
  if (hints_ != nullptr) hints_->Drain();
  if (kills_ != nullptr) kills_->Drain();
  if (kmsg_ != nullptr) kmsg_overruns_ += kmsg_->Drain();
}

void Feed::ReportLosses() {
  pipeline_->OnLoss("decode", pipeline_->TakeDamaged());
  pipeline_->OnLoss("kmsg_overrun", std::exchange(kmsg_overruns_, 0));
  if (const uint64_t skipped = pipeline_->TakeSkipped(); skipped != 0) {
    log_.Warn(base::StrCat(skipped, " kernel records of another version skipped"));
  }
  if (kills_ == nullptr) return;
  const kernel::Hooks::Losses losses = node_.hooks->ReadLosses();
  bool walk = false;
  for (size_t cause = 0; cause < losses.untold.size(); ++cause) {
    // A lost hint is no lost event: a walk makes it good.
    if (cause == OT_LOSS_HINT_RING_FULL) {
      walk = losses.untold[cause] != 0;
    } else {
      pipeline_->OnLoss(kernel::Hooks::LossName(cause), losses.untold[cause]);
    }
  }
  if (walk) {
    log_.Info(base::StrCat(losses.untold[OT_LOSS_HINT_RING_FULL],
                           " hints of new cgroups lost; reading them all"));
    if (const auto status = node_.index->Walk(); !status.ok())
      log_.Warn(std::string(status.message()));
  }
  node_.hooks->Told(losses);
}

}  // namespace oomtrail::cli
