// Kernel records on disk (`agent --record FILE`), to run through the same pipeline again
// (`replay`).
//
// A file is a header and frames, little-endian, in the order the agent saw them. The reader takes
// nothing on trust: every length is bounded and every damage is a DATA_LOSS with its offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oomtrail::kernel {

// What replay needs to give the same answers on another machine.
struct RecordingHeader {
  std::string node;
  std::string boot_id;
  int64_t wall_minus_boot_ns = 0;
  uint32_t memory_hierarchy = 0;
};

enum class FrameKind : uint32_t { kRing = 1, kKmsg = 2 };

struct Frame {
  FrameKind kind = FrameKind::kRing;
  std::string payload;
};

inline constexpr size_t kMaxFrameBytes = 64UL * 1024;

class RecordingWriter {
 public:
  // Makes or truncates `path`, mode 0600: a recording holds process names.
  static absl::StatusOr<std::unique_ptr<RecordingWriter>> Create(const std::string& path,
                                                                 const RecordingHeader& header);
  ~RecordingWriter();

  absl::Status Append(FrameKind kind, std::span<const std::byte> payload);

 private:
  RecordingWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  absl::Status Write(const std::string& bytes);

  std::string path_;
  std::FILE* file_;
};

class RecordingReader {
 public:
  static absl::StatusOr<std::unique_ptr<RecordingReader>> Open(const std::string& path);
  ~RecordingReader();

  const RecordingHeader& header() const { return header_; }

  // The next frame; absent at the end of the file.
  absl::StatusOr<std::optional<Frame>> Next();

 private:
  RecordingReader(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  absl::Status ReadHeader();
  absl::Status Damage(const std::string& what) const;
  bool ReadExactly(void* into, size_t size);

  std::string path_;
  std::FILE* file_;
  uint64_t offset_ = 0;
  RecordingHeader header_;
};

}  // namespace oomtrail::kernel
