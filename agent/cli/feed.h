// The kernel's records of an opened node into a pipeline: rings, or the kernel log in their place.
//
// Owned and called by the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/log.h"
#include "agent/cli/event_loop.h"
#include "agent/cli/node.h"
#include "agent/cli/pipeline.h"
#include "agent/kernel/kmsg_reader.h"
#include "agent/kernel/recording.h"
#include "agent/kernel/ring_reader.h"

namespace oomtrail::cli {

class Feed {
 public:
  // Watches the node's rings in `loop`; where no program sees victims, the kernel log (at
  // `kmsg_path`). Fails where there is neither.
  static absl::StatusOr<std::unique_ptr<Feed>> Open(Node& node, const base::Log& log,
                                                    EventLoop& loop);

  // Where records go from now on. Call before the loop runs; `pipeline` must outlive the feed.
  void Connect(Pipeline& pipeline) { pipeline_ = &pipeline; }
  void RecordTo(std::unique_ptr<kernel::RecordingWriter> recording);

  // "fentry", …, "kmsg": how victims are seen.
  model::HookMethod method() const { return method_; }

  // Handles what is there: after the start, and each second as a guard against a lost wake-up.
  void Drain();
  // Tells the pipeline what has been lost since the last call.
  void ReportLosses();

 private:
  Feed(Node& node, const base::Log& log) : node_(node), log_(log) {}
  absl::Status OpenRings(EventLoop& loop);
  absl::Status OpenKmsg(EventLoop& loop);
  void Record(kernel::FrameKind kind, std::span<const std::byte> payload);

  Node& node_;
  const base::Log& log_;
  Pipeline* pipeline_ = nullptr;
  std::unique_ptr<kernel::RecordingWriter> recording_;
  std::unique_ptr<kernel::RingReader> kills_;
  std::unique_ptr<kernel::RingReader> hints_;
  std::unique_ptr<kernel::KmsgReader> kmsg_;
  model::HookMethod method_ = model::HookMethod::kKmsg;
  uint64_t kmsg_overruns_ = 0;
};

}  // namespace oomtrail::cli
