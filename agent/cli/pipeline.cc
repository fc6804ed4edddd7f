#include "agent/cli/pipeline.h"

#include <utility>
#include <variant>

#include "agent/decode/record_decoder.h"
#include "agent/resolve/path_grammar.h"
#include "agent/resolve/scope.h"

namespace oomtrail::cli {

void Pipeline::OnRingRecord(std::span<const std::byte> record) {
  auto decoded = decode::DecodeRecord(record);
  if (!decoded.ok()) {
    ++(absl::IsUnimplemented(decoded.status()) ? skipped_ : damaged_);
    return;
  }
  std::visit([this](auto& value) { Handle(std::move(value)); }, *decoded);
}

void Pipeline::OnKmsgRecord(std::string_view record, std::optional<uint64_t> read_boot_ns) {
  auto kill = kmsg_.Feed(record);
  if (!kill) return;
  if (read_boot_ns) kill->clock_offset_ns = kmsg_clock_.Offset(kill->boot_ns, *read_boot_ns);
  Handle(*std::move(kill));
}

void Pipeline::Handle(model::Kill kill) {
  if (const auto resolved = resolver_.Resolve(std::move(kill))) {
    Publish(attributor_.Attribute(*resolved, outputs_.was_warned(*resolved)));
  }
}

void Pipeline::Handle(model::OomWithoutKill oom) {
  if (resolve::HasRoomAgain(oom)) return;
  Publish(attributor_.Attribute(resolver_.Resolve(std::move(oom))));
}

void Pipeline::Handle(const model::CgroupChange& change) {
  index_.Apply(change);
  if (change.kind != model::CgroupChange::Kind::kMade) return;
  // A container that is known before it dies needs no amendment.
  const auto path = index_.PathOf(change.id);
  if (path && resolve::ParseCgroupPath(*path).container_id) outputs_.ask_for_names();
}

void Pipeline::Publish(model::Event event) {
  outputs_.publish(std::move(event));
  if (attributor_.wants_names()) outputs_.ask_for_names();
}

void Pipeline::Amend() {
  for (model::Event& event : attributor_.Amend()) outputs_.publish(std::move(event));
}

void Pipeline::OnNotice(const forecast::Notice& notice) { Publish(attributor_.Attribute(notice)); }

void Pipeline::OnLoss(std::string_view stage, uint64_t count) {
  if (count != 0) outputs_.publish(attributor_.Lost(stage, count));
}

uint64_t Pipeline::TakeSkipped() { return std::exchange(skipped_, 0); }
uint64_t Pipeline::TakeDamaged() { return std::exchange(damaged_, 0); }

}  // namespace oomtrail::cli
