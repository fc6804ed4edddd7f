// Recordings: what goes in comes out; every damage is told with its place.
#include "agent/kernel/recording.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "agent/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::kernel {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

const RecordingHeader kHeader{.node = "worker-1",
                              .boot_id = "6b1b36cb-36b6-4f4e-8a0c-0e4b5c5f4a11",
                              .wall_minus_boot_ns = -5,
                              .memory_hierarchy = 4};
// magic, version, hierarchy, clock offset, node, boot id
constexpr size_t kHeaderBytes = 8 + 4 + 4 + 8 + (4 + 8) + (4 + 36);

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class RecordingTest : public ::testing::Test {
 protected:
  // A recording of these payloads, one frame each.
  std::string Recorded(const std::vector<std::string>& payloads) {
    auto writer = RecordingWriter::Create(path_, kHeader);
    EXPECT_TRUE(writer.ok()) << writer.status();
    for (const std::string& payload : payloads) {
      EXPECT_TRUE((*writer)->Append(FrameKind::kRing, AsBytes(payload)).ok());
    }
    writer->reset();
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // What stops a reader of these bytes; OK where it comes to the end.
  absl::Status ReadAll(const std::string& bytes) {
    dir_.Write("recording", bytes);
    auto reader = RecordingReader::Open(path_);
    if (!reader.ok()) return reader.status();
    while (true) {
      const auto frame = (*reader)->Next();
      if (!frame.ok()) return frame.status();
      if (!frame->has_value()) return absl::OkStatus();
      frames_.push_back(**frame);
    }
  }

  const fakes::TempDir dir_;
  const std::string path_ = dir_ / "recording";
  std::vector<Frame> frames_;
};

TEST_F(RecordingTest, FramesComeBackInOrder) {
  auto writer = RecordingWriter::Create(path_, kHeader);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::string ring("\0\xff\n", 3);
  const std::string empty;
  const std::string largest(kMaxFrameBytes, 'x');
  ASSERT_TRUE((*writer)->Append(FrameKind::kRing, AsBytes(ring)).ok());
  ASSERT_TRUE((*writer)->Append(FrameKind::kKmsg, AsBytes(empty)).ok());
  ASSERT_TRUE((*writer)->Append(FrameKind::kKmsg, AsBytes(largest)).ok());

  // Also while the writer is at work: what was appended is on disk.
  auto reader = RecordingReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->header().node, kHeader.node);
  EXPECT_EQ((*reader)->header().boot_id, kHeader.boot_id);
  EXPECT_EQ((*reader)->header().wall_minus_boot_ns, -5);
  EXPECT_EQ((*reader)->header().memory_hierarchy, 4u);
  const std::pair<FrameKind, std::string> expected[] = {
      {FrameKind::kRing, ring}, {FrameKind::kKmsg, empty}, {FrameKind::kKmsg, largest}};
  for (const auto& [kind, payload] : expected) {
    const auto frame = (*reader)->Next();
    ASSERT_TRUE(frame.ok()) << frame.status();
    ASSERT_TRUE(frame->has_value());
    EXPECT_EQ((*frame)->kind, kind);
    EXPECT_EQ((*frame)->payload, payload);
  }
  for (int times = 0; times < 2; ++times) {
    const auto end = (*reader)->Next();
    ASSERT_TRUE(end.ok()) << end.status();
    EXPECT_FALSE(end->has_value());
  }
}

TEST_F(RecordingTest, AFrameTooLargeIsRefusedAndLeavesTheFileWhole) {
  auto writer = RecordingWriter::Create(path_, kHeader);
  ASSERT_TRUE(writer.ok());
  const std::string large(kMaxFrameBytes + 1, 'x');
  EXPECT_EQ((*writer)->Append(FrameKind::kRing, AsBytes(large)).code(),
            absl::StatusCode::kInvalidArgument);
  auto reader = RecordingReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  EXPECT_FALSE((*(*reader)->Next()).has_value());
}

TEST_F(RecordingTest, NamesAreBounded) {
  RecordingHeader header = kHeader;
  header.node = std::string(300, 'n');
  ASSERT_TRUE(RecordingWriter::Create(path_, header).ok());
  const auto reader = RecordingReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->header().node, std::string(256, 'n'));
  EXPECT_EQ((*reader)->header().boot_id, kHeader.boot_id);
}

mode_t ModeOf(const std::string& path) {
  struct stat found {};
  ::stat(path.c_str(), &found);
  return found.st_mode & 07777;
}

TEST_F(RecordingTest, OnlyItsOwnerMayReadIt) {
  Recorded({});
  EXPECT_EQ(ModeOf(path_), 0600u);
}

TEST_F(RecordingTest, AFileThatWasThereIsEmptiedAndClosedToOthers) {
  dir_.Write("recording", std::string(4096, 'x'));
  ::chmod(path_.c_str(), 0644);
  EXPECT_EQ(Recorded({}).size(), kHeaderBytes);
  EXPECT_EQ(ModeOf(path_), 0600u);
}

// --record /dev/null would otherwise be closed to everybody else. (A terminal of our own here.)
TEST_F(RecordingTest, ADeviceKeepsItsMode) {
  const base::UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY));
  if (!terminal.ok() || ::unlockpt(terminal.get()) != 0) GTEST_SKIP() << "no pseudo-terminals";
  const std::string device = ::ptsname(terminal.get());
  ::chmod(device.c_str(), 0620);
  EXPECT_TRUE(RecordingWriter::Create(device, kHeader).ok());
  EXPECT_EQ(ModeOf(device), 0620u);
}

TEST_F(RecordingTest, AFullDiskIsTold) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  EXPECT_THAT(std::string(RecordingWriter::Create("/dev/full", kHeader).status().message()),
              HasSubstr("write /dev/full: ENOSPC"));
}

TEST_F(RecordingTest, APathThatCannotBeOpenedIsTold) {
  const std::string missing = dir_ / "no/such";
  EXPECT_THAT(std::string(RecordingWriter::Create(missing, kHeader).status().message()),
              HasSubstr("--record: create " + missing + ": ENOENT"));
  EXPECT_THAT(std::string(RecordingReader::Open(missing).status().message()),
              HasSubstr("open " + missing + ": ENOENT"));
  EXPECT_THAT(std::string(RecordingReader::Open(dir_.path()).status().message()),
              HasSubstr("not a recording"));
}

struct Damage {
  std::string name;
  size_t at;         // from the start of the file
  std::string with;  // overwrites what is there
  size_t cut = 0;    // then the file ends here; 0: it does not
  std::string says;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

class DamagedRecordingTest : public RecordingTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedRecordingTest, IsTold) {
  const Damage& damage = GetParam();
  std::string bytes = Recorded({"first", "second"});
  bytes.replace(damage.at, damage.with.size(), damage.with);
  if (damage.cut != 0) bytes.resize(damage.cut);
  const absl::Status status = ReadAll(bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), EndsWith(path_ + ": " + damage.says));
}

constexpr size_t kFirst = kHeaderBytes;
constexpr size_t kSecond = kFirst + 8 + 5;

const Damage kDamages[] = {
    {"OneByte", 0, "", 1, "not a recording of oomtrail agent --record at byte 1"},
    {"Magic", 7, "Z", 0, "not a recording of oomtrail agent --record at byte 8"},
    {"NoVersion", 0, "", 10, "cut off in the header at byte 10"},
    {"Version", 8, "\x02", 0, "recording version 2, not 1, at byte 12"},
    {"NoClock", 0, "", 20, "cut off in the header at byte 20"},
    {"NoNodeSize", 0, "", 26, "cut off in the header at byte 26"},
    {"NodeSize", 25, "\x7f", 0, "a name of 32520 bytes at byte 28"},
    {"NodeSizeHuge", 24, "\xff\xff\xff\xff", 0, "a name of 4294967295 bytes at byte 28"},
    {"NodeCut", 0, "", 30, "cut off in the header at byte 30"},
    {"BootIdCut", 0, "", kFirst - 1, "cut off in the header at byte 75"},
    {"HeadCut", 0, "", kFirst + 3, "cut off in a frame's head at byte 79"},
    {"Kind", kFirst, "\x03", 0, "a frame of unknown kind 3 at byte 84"},
    {"KindHuge", kFirst + 3, "\x80", 0, "a frame of unknown kind 2147483649 at byte 84"},
    {"Size", kFirst + 6, "\x01", 0, "a frame of 65541 bytes at byte 84"},
    {"SizeHuge", kFirst + 4, "\xff\xff\xff\xff", 0, "a frame of 4294967295 bytes at byte 84"},
    {"PayloadCut", 0, "", kFirst + 10, "cut off in a frame at byte 86"},
    {"SecondHeadCut", 0, "", kSecond + 7, "cut off in a frame's head at byte 96"},
    {"SecondPayloadMissing", 0, "", kSecond + 8, "cut off in a frame at byte 97"},
};
INSTANTIATE_TEST_SUITE_P(Recording, DamagedRecordingTest, ::testing::ValuesIn(kDamages),
                         [](const auto& row) { return row.param.name; });

TEST_F(RecordingTest, FramesBeforeADamageAreGood) {
  const std::string bytes = Recorded({"first", "second"});
  EXPECT_FALSE(ReadAll(bytes.substr(0, bytes.size() - 1)).ok());
  ASSERT_EQ(frames_.size(), 1u);
  EXPECT_EQ(frames_[0].payload, "first");
}

}  // namespace
}  // namespace oomtrail::kernel
