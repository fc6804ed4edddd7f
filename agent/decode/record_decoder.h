// Ring records to model values: where the BPF structs end. Pure, thread-safe.
//
// A record is hostile: its bytes are copied before they are read, and every count, length and text
// in it is checked. What is not known (another ABI, another type) is skipped by the caller.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "agent/model/kernel_record.h"

namespace oomtrail::decode {

// UNIMPLEMENTED: a type or ABI of another version. DATA_LOSS: damaged, with what is wrong.
absl::StatusOr<model::KernelRecord> DecodeRecord(std::span<const std::byte> record);

}  // namespace oomtrail::decode
