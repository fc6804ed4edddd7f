// Any bytes as a recording: read to its end or to a damage, in bounded memory.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/kernel/recording.h"

namespace {

void Require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  static const int file = ::memfd_create("recording", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  Require(::ftruncate(file, 0) == 0, "the file can be emptied");
  Require(::pwrite(file, input, size, 0) == static_cast<ssize_t>(size), "the file can be written");

  const auto reader = oomtrail::kernel::RecordingReader::Open(path);
  if (!reader.ok()) {
    Require(reader.status().code() == absl::StatusCode::kDataLoss, "a damage is a DATA_LOSS");
    return 0;
  }
  size_t taken = 0;
  while (true) {
    const auto frame = (*reader)->Next();
    if (!frame.ok()) {
      Require(frame.status().code() == absl::StatusCode::kDataLoss, "a damage is a DATA_LOSS");
      return 0;
    }
    if (!frame->has_value()) return 0;
    Require((*frame)->payload.size() <= oomtrail::kernel::kMaxFrameBytes, "a frame is bounded");
    taken += 8 + (*frame)->payload.size();
    Require(taken <= size, "frames are made of what is there");
  }
}
