#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include "agent/attribute/attributor.h"
#include "agent/attribute/pod_directory.h"
#include "agent/base/clock.h"
#include "agent/cli/commands.h"
#include "agent/cli/pipeline.h"
#include "agent/kernel/recording.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/resolver.h"

namespace oomtrail::cli {
namespace {

// The clock of the machine that was recorded, standing still: only the offset matters.
class RecordedClock final : public base::Clock {
 public:
  explicit RecordedClock(int64_t wall_minus_boot_ns) : offset_(wall_minus_boot_ns) {}
  uint64_t BootNanos() const override { return 0; }
  int64_t WallNanos() const override { return offset_; }

 private:
  int64_t offset_;
};

}  // namespace

int RunReplay(const ReplayOptions& options) {
  auto recording = kernel::RecordingReader::Open(options.file);
  if (!recording.ok()) {
    std::cerr << "oomtrail: " << recording.status().message() << '\n';
    return kExitUsage;
  }
  const kernel::RecordingHeader& header = (*recording)->header();
  const RecordedClock clock(header.wall_minus_boot_ns);
  resolve::CgroupMount mount;
  mount.version = header.memory_hierarchy == 0 ? 2 : 1;
  mount.hierarchy = header.memory_hierarchy;
  resolve::CgroupIndex index(mount, clock);
  resolve::Resolver resolver(index, /*proc_root=*/"");
  const attribute::PodDirectory directory(clock, {});
  attribute::Attributor attributor(
      directory, clock,
      attribute::Attributor::Node{.name = header.node, .boot_id = header.boot_id});
  Pipeline pipeline(index, resolver, attributor, {.publish = [&](const model::Event& event) {
                      std::cout << (options.log_format == base::LogFormat::kJson
                                        ? publish::ToJson(event)
                                        : publish::ToText(event))
                                << '\n';
                    }});
  while (true) {
    const auto frame = (*recording)->Next();
    if (!frame.ok()) {
      std::cout.flush();
      std::cerr << "oomtrail: " << frame.status().message() << '\n';
      return kExitFailed;
    }
    if (!frame->has_value()) break;
    const std::string& payload = (*frame)->payload;
    if ((*frame)->kind == kernel::FrameKind::kRing) {
      pipeline.OnRingRecord(std::as_bytes(std::span(payload)));
    } else {
      pipeline.OnKmsgRecord(payload, std::nullopt);
    }
  }
  pipeline.OnLoss("decode", pipeline.TakeDamaged());
  std::cout.flush();
  if (const uint64_t skipped = pipeline.TakeSkipped(); skipped != 0) {
    std::cerr << "oomtrail: " << skipped << " records of another version skipped\n";
  }
  return std::cout ? kExitOk : kExitFailed;
}

}  // namespace oomtrail::cli
