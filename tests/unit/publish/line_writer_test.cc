// Lines to a pipe that is read late, or never. The pipes block: a writer that waits hangs the test.
#include "agent/publish/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "agent/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::publish {
namespace {

// A pipe that holds one write: the smallest there is has one page, and polls as full with a byte
// in it.
class TinyPipe {
 public:
  TinyPipe() {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    reader_.Reset(fds[0]);
    writer_.Reset(fds[1]);
    ::fcntl(reader_.get(), F_SETFL, O_NONBLOCK);  // of this end only
    EXPECT_EQ(::fcntl(writer_.get(), F_SETPIPE_SZ, kPage), kPage);
  }

  static constexpr int kPage = 4096;

  int writer() const { return writer_.get(); }
  void CloseReader() { reader_.Reset(); }

  // What is in the pipe now.
  std::string Read() {
    std::string all;
    char buffer[kPage];
    ssize_t got = 0;
    while ((got = ::read(reader_.get(), buffer, sizeof buffer)) > 0) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }

  // Reads until the writer has nothing left.
  std::string Drain(LineWriter& lines) {
    std::string all = Read();
    while (lines.has_backlog()) {
      lines.Flush();
      const std::string more = Read();
      if (more.empty()) break;  // no progress: the assertions will say so
      all += more;
    }
    return all;
  }

 private:
  base::UniqueFd reader_;
  base::UniqueFd writer_;
};

class LineWriterTest : public ::testing::Test {
 protected:
  // As the agent does at its start.
  LineWriterTest() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~LineWriterTest() override { std::signal(SIGPIPE, before_); }

  TinyPipe pipe_;

 private:
  void (*before_)(int);
};

TEST_F(LineWriterTest, ALineIsWrittenAtOnce) {
  LineWriter lines(pipe_.writer());
  EXPECT_TRUE(lines.Write("one"));
  EXPECT_EQ(pipe_.Read(), "one\n");
  EXPECT_TRUE(lines.Write(""));
  EXPECT_EQ(pipe_.Read(), "\n");
  EXPECT_FALSE(lines.has_backlog());
  EXPECT_FALSE(lines.broken());
  EXPECT_EQ(lines.TakeDropped(), 0u);
}

TEST_F(LineWriterTest, WhatAFullPipeDoesNotTakeIsHeldInOrder) {
  LineWriter lines(pipe_.writer());
  for (const char* line : {"one", "two", "three"}) EXPECT_TRUE(lines.Write(line));
  EXPECT_TRUE(lines.has_backlog());
  EXPECT_EQ(pipe_.Read(), "one\n");
  EXPECT_TRUE(lines.Write("four")) << "and a later line does not overtake";
  EXPECT_EQ(pipe_.Drain(lines), "two\nthree\nfour\n");
  EXPECT_FALSE(lines.has_backlog());
  EXPECT_EQ(lines.TakeDropped(), 0u);
}

TEST_F(LineWriterTest, FlushOnAFullPipeDoesNotWait) {
  LineWriter lines(pipe_.writer());
  lines.Write("one");
  lines.Write("two");
  lines.Flush();
  lines.Flush();
  EXPECT_EQ(pipe_.Drain(lines), "one\ntwo\n");
}

TEST_F(LineWriterTest, BeyondTheBoundLinesAreDroppedAndCounted) {
  LineWriter lines(pipe_.writer(), /*max_backlog_bytes=*/12);
  EXPECT_TRUE(lines.Write("written"));
  EXPECT_TRUE(lines.Write("held1"));
  EXPECT_TRUE(lines.Write("held2")) << "12 bytes with their newlines: just fits";
  EXPECT_FALSE(lines.Write("lost"));
  EXPECT_FALSE(lines.Write(""));
  EXPECT_EQ(lines.TakeDropped(), 2u);
  EXPECT_EQ(lines.TakeDropped(), 0u) << "each is told once";
  EXPECT_EQ(pipe_.Drain(lines), "written\nheld1\nheld2\n");
}

TEST_F(LineWriterTest, ItContinuesOnceThePipeIsDrained) {
  LineWriter lines(pipe_.writer(), /*max_backlog_bytes=*/6);
  for (const char* line : {"one", "two", "three"}) lines.Write(line);
  EXPECT_EQ(lines.TakeDropped(), 1u);
  EXPECT_EQ(pipe_.Drain(lines), "one\ntwo\n");
  EXPECT_TRUE(lines.Write("four"));
  EXPECT_EQ(pipe_.Drain(lines), "four\n");
  EXPECT_EQ(lines.TakeDropped(), 0u);
}

TEST_F(LineWriterTest, ALineThatWasCutIsCompletedBeforeTheNext) {
  LineWriter lines(pipe_.writer());
  const std::string longer(3 * TinyPipe::kPage, 'x');
  EXPECT_TRUE(lines.Write(longer));
  EXPECT_TRUE(lines.Write("next"));
  EXPECT_EQ(pipe_.Drain(lines), longer + "\nnext\n");
}

TEST_F(LineWriterTest, ALineCutBeforeItsNewlineGetsIt) {
  LineWriter lines(pipe_.writer());
  const std::string page(TinyPipe::kPage, 'x');
  EXPECT_TRUE(lines.Write(page));
  EXPECT_TRUE(lines.has_backlog());
  EXPECT_EQ(pipe_.Drain(lines), page + "\n");
}

TEST_F(LineWriterTest, ALineThatHasBegunIsCompletedWhateverTheBound) {
  LineWriter lines(pipe_.writer(), /*max_backlog_bytes=*/8);
  const std::string longer(2 * TinyPipe::kPage, 'x');
  EXPECT_TRUE(lines.Write(longer));
  EXPECT_FALSE(lines.Write("next"));
  EXPECT_EQ(lines.TakeDropped(), 1u);
  EXPECT_EQ(pipe_.Drain(lines), longer + "\n");
}

TEST_F(LineWriterTest, AClosedReaderBreaksTheWriterAndNotTheProcess) {
  LineWriter lines(pipe_.writer());
  pipe_.CloseReader();
  EXPECT_FALSE(lines.Write("one"));
  EXPECT_TRUE(lines.broken());
  EXPECT_FALSE(lines.Write("two"));
  EXPECT_FALSE(lines.has_backlog());
  EXPECT_EQ(lines.TakeDropped(), 2u);
}

TEST_F(LineWriterTest, AReaderThatClosesWhileLinesAreHeldBreaksTheWriter) {
  LineWriter lines(pipe_.writer());
  lines.Write("one");
  lines.Write("two");
  pipe_.CloseReader();
  lines.Flush();
  EXPECT_TRUE(lines.broken());
  EXPECT_FALSE(lines.Write("three"));
}

TEST_F(LineWriterTest, ADescriptorThatIsNotOpenBreaksTheWriter) {
  const int closed = ::dup(pipe_.writer());
  ::close(closed);
  LineWriter lines(closed);
  EXPECT_FALSE(lines.Write("one"));
  EXPECT_TRUE(lines.broken());
}

TEST_F(LineWriterTest, AFullDiskHoldsLinesBackAndThenDropsThem) {
  const base::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.ok());
  LineWriter lines(full.get(), /*max_backlog_bytes=*/8);
  EXPECT_TRUE(lines.Write("one"));
  EXPECT_TRUE(lines.Write("two"));
  EXPECT_FALSE(lines.Write("three"));
  lines.Flush();
  EXPECT_TRUE(lines.has_backlog());
  EXPECT_FALSE(lines.broken()) << "a disk can be cleared";
  EXPECT_EQ(lines.TakeDropped(), 1u);
}

TEST_F(LineWriterTest, WhatADiskHeldBackIsWrittenOnceThereIsRoom) {
  const fakes::TempDir directory;
  const std::string path = directory.Write("log", "");
  const base::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.ok());
  const int fd = ::dup(full.get());
  LineWriter lines(fd);
  EXPECT_TRUE(lines.Write("one"));
  // The same descriptor, now of a file with room.
  const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  ASSERT_EQ(::dup2(file.get(), fd), fd);
  EXPECT_TRUE(lines.Write("two"));
  ::close(fd);
  char text[64];
  const base::UniqueFd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = ::read(reader.get(), text, sizeof text);
  EXPECT_EQ(std::string(text, static_cast<size_t>(size)), "one\ntwo\n");
}

}  // namespace
}  // namespace oomtrail::publish
