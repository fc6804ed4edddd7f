// decode → resolve → attribute → publish, wired: a kernel record in, event lines out.
//
// Owned and called by one thread. The same for a live kernel, a recording and the demo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "agent/attribute/attributor.h"
#include "agent/decode/kmsg_clock.h"
#include "agent/decode/kmsg_decoder.h"
#include "agent/forecast/watched.h"
#include "agent/model/event.h"
#include "agent/resolve/cgroup_index.h"
#include "agent/resolve/resolver.h"

namespace oomtrail::cli {

class Pipeline {
 public:
  struct Outputs {
    std::function<void(model::Event)> publish;
    // A container is new, or an event lacks names: ask the name sources.
    std::function<void()> ask_for_names = [] {};
    // Whether a kill had been warned of; absent where nobody looks out for it.
    std::function<std::optional<model::Warned>(const resolve::ResolvedKill&)> was_warned =
        [](const auto&) { return std::nullopt; };
  };

  Pipeline(resolve::CgroupIndex& index, resolve::Resolver& resolver,
           attribute::Attributor& attributor, Outputs outputs)
      : index_(index), resolver_(resolver), attributor_(attributor), outputs_(std::move(outputs)) {}

  void OnRingRecord(std::span<const std::byte> record);
  // `read_boot_ns`: when it was read; absent in a recording, whose times stay those of the log.
  void OnKmsgRecord(std::string_view record, std::optional<uint64_t> read_boot_ns);
  // A name source has answered, or time has passed.
  void Amend();
  void OnNotice(const forecast::Notice& notice);
  // Events that are known to be lost.
  void OnLoss(std::string_view stage, uint64_t count);

  // Records of another version (skipped) and damaged ones (lost) since the last call.
  uint64_t TakeSkipped();
  uint64_t TakeDamaged();

 private:
  void Handle(model::Kill kill);
  void Handle(model::OomWithoutKill oom);
  void Handle(const model::CgroupChange& change);
  void Publish(model::Event event);

  resolve::CgroupIndex& index_;
  resolve::Resolver& resolver_;
  attribute::Attributor& attributor_;
  const Outputs outputs_;
  decode::KmsgDecoder kmsg_;
  decode::KmsgClock kmsg_clock_;
  uint64_t skipped_ = 0;
  uint64_t damaged_ = 0;
};

}  // namespace oomtrail::cli
