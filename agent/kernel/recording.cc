#include "agent/kernel/recording.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::kernel {
namespace {

constexpr char kMagic[8] = {'O', 'O', 'M', 'T', 'R', 'A', 'I', 'L'};
constexpr uint32_t kVersion = 1;
constexpr size_t kMaxNameBytes = 256;

template <typename T>
void Put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void PutText(std::string& out, const std::string& text) {
  const std::string bounded = text.substr(0, kMaxNameBytes);
  Put(out, static_cast<uint32_t>(bounded.size()));
  out += bounded;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordingWriter>> RecordingWriter::Create(
    const std::string& path, const RecordingHeader& header) {
  base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.ok()) return base::ErrnoStatus(errno, base::StrCat("--record: create ", path));
  // Also where the file was there before, with another mode. Never of a device such as /dev/null.
  struct stat found {};
  if (::fstat(fd.get(), &found) == 0 && S_ISREG(found.st_mode) && ::fchmod(fd.get(), 0600) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("--record: chmod ", path));
  }
  std::FILE* file = ::fdopen(fd.get(), "wb");
  if (file == nullptr) return base::ErrnoStatus(errno, base::StrCat("--record: open ", path));
  fd.Release();
  auto writer = std::unique_ptr<RecordingWriter>(new RecordingWriter(path, file));
  std::string bytes(kMagic, sizeof kMagic);
  Put(bytes, kVersion);
  Put(bytes, header.memory_hierarchy);
  Put(bytes, header.wall_minus_boot_ns);
  PutText(bytes, header.node);
  PutText(bytes, header.boot_id);
  RETURN_IF_ERROR(writer->Write(bytes));
  return writer;
}

RecordingWriter::~RecordingWriter() { std::fclose(file_); }

absl::Status RecordingWriter::Write(const std::string& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size() ||
      std::fflush(file_) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("write ", path_));
  }
  return absl::OkStatus();
}

absl::Status RecordingWriter::Append(FrameKind kind, std::span<const std::byte> payload) {
  if (payload.size() > kMaxFrameBytes) {
    return absl::InvalidArgumentError(base::StrCat("a frame of ", payload.size(), " bytes"));
  }
  std::string bytes;
  Put(bytes, static_cast<uint32_t>(kind));
  Put(bytes, static_cast<uint32_t>(payload.size()));
  bytes.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  return Write(bytes);
}

absl::StatusOr<std::unique_ptr<RecordingReader>> RecordingReader::Open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return base::ErrnoStatus(errno, base::StrCat("open ", path));
  auto reader = std::unique_ptr<RecordingReader>(new RecordingReader(path, file));
  RETURN_IF_ERROR(reader->ReadHeader());
  return reader;
}

RecordingReader::~RecordingReader() { std::fclose(file_); }

bool RecordingReader::ReadExactly(void* into, size_t size) {
  const size_t got = std::fread(into, 1, size, file_);
  offset_ += got;
  return got == size;
}

absl::Status RecordingReader::Damage(const std::string& what) const {
  return absl::DataLossError(base::StrCat(path_, ": ", what, " at byte ", offset_));
}

absl::Status RecordingReader::ReadHeader() {
  char magic[sizeof kMagic];
  uint32_t version = 0;
  if (!ReadExactly(magic, sizeof magic) || std::memcmp(magic, kMagic, sizeof magic) != 0) {
    return Damage("not a recording of oomtrail agent --record");
  }
  if (!ReadExactly(&version, sizeof version)) return Damage("cut off in the header");
  if (version != kVersion) return Damage(base::StrCat("recording version ", version, ", not 1,"));
  if (!ReadExactly(&header_.memory_hierarchy, sizeof header_.memory_hierarchy) ||
      !ReadExactly(&header_.wall_minus_boot_ns, sizeof header_.wall_minus_boot_ns)) {
    return Damage("cut off in the header");
  }
  for (std::string* text : {&header_.node, &header_.boot_id}) {
    uint32_t size = 0;
    if (!ReadExactly(&size, sizeof size)) return Damage("cut off in the header");
    if (size > kMaxNameBytes) return Damage(base::StrCat("a name of ", size, " bytes"));
    text->resize(size);
    if (!ReadExactly(text->data(), size)) return Damage("cut off in the header");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> RecordingReader::Next() {
  uint32_t head[2];
  const size_t got = std::fread(head, 1, sizeof head, file_);
  if (got == 0 && std::feof(file_) != 0) return std::optional<Frame>();
  offset_ += got;
  if (got != sizeof head) return Damage("cut off in a frame's head");
  const auto [kind, size] = std::pair(head[0], head[1]);
  if (kind != static_cast<uint32_t>(FrameKind::kRing) &&
      kind != static_cast<uint32_t>(FrameKind::kKmsg)) {
    return Damage(base::StrCat("a frame of unknown kind ", kind));
  }
  if (size > kMaxFrameBytes) return Damage(base::StrCat("a frame of ", size, " bytes"));
  Frame frame;
  frame.kind = static_cast<FrameKind>(kind);
  frame.payload.resize(size);
  if (!ReadExactly(frame.payload.data(), size)) return Damage("cut off in a frame");
  return std::optional<Frame>(std::move(frame));
}

}  // namespace oomtrail::kernel
